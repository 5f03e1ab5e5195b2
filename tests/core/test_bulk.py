from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError

from agents.models import Agent, Session, Trace
from ibex.core import bulk
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope

AT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def trace(agent: Agent, **columns: object) -> Trace:
    known: dict[str, object] = {"turn_id": uuid7(), "request_id": "r", "endpoint": "chat.completions", "status": 200}
    return Trace(org_id=agent.org_id, agent=agent, started_at=AT, **(known | columns))


def test_rows_come_back_as_they_were_written(agent: Agent) -> None:
    said = {
        "stages": {"start": 1.25, "a'b\\n\"": None},
        "cost": Decimal("0.000000125"),
        "model": 'Ünïcode "x" \\ \n 🙂',
    }
    row = trace(agent, is_stream=True, overhead_ms=0.1, **said)
    with scope(agent.org_id):
        bulk.insert([row, trace(agent)])
        found, other = Trace.objects.filter(agent=agent).order_by("pk")
    assert (found.pk, found.turn_id, found.started_at, found.is_stream) == (row.pk, row.turn_id, AT, True)
    assert {name: getattr(found, name) for name in said} == said
    assert found.created_at is not None
    assert (other.cost, other.stages, other.session_id) == (None, {}, None)


def test_nothing_is_written_for_nothing(agent: Agent) -> None:
    with scope(agent.org_id):
        bulk.insert([])
        assert not Trace.objects.exists()


def test_what_is_there_is_left_alone_where_that_is_asked_for(agent: Agent) -> None:
    row = Session(org_id=agent.org_id, agent=agent, external_id="a", started_at=AT, last_turn_at=AT)
    again = Session(id=row.pk, org_id=agent.org_id, agent=agent, external_id="b", started_at=AT, last_turn_at=AT)
    with scope(agent.org_id):
        bulk.insert([row])
        bulk.insert([again], unless_there=True)
        assert Session.objects.get(pk=row.pk).external_id == "a"
    with pytest.raises(IntegrityError), scope(agent.org_id):
        bulk.insert([again])


def test_a_row_of_another_tenant_cannot_be_written(agent: Agent, foreign_agent: Agent) -> None:
    with pytest.raises(DatabaseError, match="row-level security"), scope(agent.org_id):
        bulk.insert([trace(foreign_agent)])
