from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, Checkpoint, Session, Trace
from context.models import AssemblyRecord, Injection
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from memories.models import Memory, MemoryVersion
from tests.factories import Person, unique

COMPONENTS = {"relevance": 0.91, "recency": 0.8, "usefulness": 0.5, "confidence": 0.9, "frequency": 0.1}


def make_session(agent: Agent, **fields: Any) -> Session:
    """A conversation without turns."""
    now = timezone.now()
    columns = {"external_id": unique("s"), "started_at": now, "last_turn_at": now} | fields
    with scope(agent.org_id):
        return Session.objects.create(org_id=agent.org_id, agent=agent, **columns)


def make_trace(agent: Agent, session: Session | None = None, *, at: datetime | None = None, **fields: Any) -> Trace:
    """One call's metadata."""
    columns = {"turn_id": uuid7(), "request_id": str(uuid7()), "status": 200, "overhead_ms": 5.0} | fields
    with scope(agent.org_id):
        return Trace.objects.create(
            org_id=agent.org_id,
            agent=agent,
            session=session,
            trace_id="0" * 32,
            endpoint="/v1/chat/completions",
            started_at=at or timezone.now(),
            **columns,
        )


def make_turn(session: Session, user: str = "Hello?", assistant: str = "Hello!", **fields: Any) -> Checkpoint:
    """The session's next turn, with its trace."""
    now = timezone.now()
    columns: dict[str, Any] = {
        "messages": [{"role": "user", "content": user}],
        "user_text": user,
        "assistant_text": assistant,
        "model": "sandbox",
        "turn_id": uuid7(),
        "said_at": now,
        "finished_at": now,
    }
    with scope(session.org_id):
        session.turn_count += 1
        session.save(update_fields=["turn_count"])
        turn = Checkpoint.objects.create(
            org_id=session.org_id,
            agent_id=session.agent_id,
            session=session,
            number=session.turn_count,
            **(columns | fields),
        )
    make_trace(session.agent, session, turn_id=turn.turn_id, stages={"assemble.cold": 3.0, "assemble": 4.0, "start": 1})
    return turn


def make_memory(agent: Agent, content: str, *, days_ago: float = 0, **fields: Any) -> Memory:
    """A memory with its first version."""
    now = timezone.now()
    columns: dict[str, Any] = {"category": "factual", "source": "extracted", "tokens": 7, "observed_at": now} | fields
    with scope(agent.org_id):
        memory = Memory.objects.create(
            org_id=agent.org_id, agent=agent, content=content, content_hash=sha256(content.encode()).digest(), **columns
        )
        MemoryVersion.objects.create(
            org_id=agent.org_id,
            memory=memory,
            number=1,
            operation="created",
            actor="system",
            snapshot={"content": content},
        )
        Memory.objects.filter(pk=memory.pk).update(created_at=now - timedelta(days=days_ago))
    return memory


def inject(turn: Checkpoint, memory: Memory, *, rank: int = 1, is_packed: bool = True, **fields: Any) -> Injection:
    """One line of a turn's receipt."""
    why = "" if is_packed else "below_relevance_floor"
    columns: dict[str, Any] = {"score": 0.77, "components": COMPONENTS, "arm": "cold", "tokens": 7, "reason": why}
    columns |= fields
    with scope(turn.org_id):
        return Injection.objects.create(
            org_id=turn.org_id,
            agent_id=turn.agent_id,
            memory=memory,
            turn_id=turn.turn_id,
            memory_version=1,
            rank=rank,
            is_packed=is_packed,
            **columns,
        )


def assemble(turn: Checkpoint, **fields: Any) -> AssemblyRecord:
    """How a turn's context came about."""
    budget = {"window": 8_192, "messages": 40, "how": "exact", "reserve": 1_228, "safety": 409, "directive": 12}
    columns: dict[str, Any] = {
        "assembled_at": timezone.now(),
        "directive_version": 3,
        "budget": budget | {"cap": 2_000},
        "placement": "system_first",
    }
    with scope(turn.org_id):
        return AssemblyRecord.objects.create(
            org_id=turn.org_id,
            agent_id=turn.agent_id,
            session_id=turn.session_id,
            turn_id=turn.turn_id,
            **(columns | fields),
        )


@pytest.fixture
def query_count() -> Callable[[Person, str], int]:
    """How many queries of the application's role a page makes."""

    def count(who: Person, url: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert who.client.get(url).status_code == 200
        return len(captured)

    return count
