from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AuditEvent
from agents.services import directives
from ibex.core.tenancy import scope
from tests.factories import Person

Queries = Callable[[Person, str], int]


@pytest.fixture
def query_count() -> Queries:
    """How many queries of the application's role a page makes."""

    def count(who: Person, url: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert who.client.get(url).status_code == 200
        return len(captured)

    return count


@pytest.fixture
def audited() -> Callable[[Any], list[str]]:
    """The actions in an organization's audit log, the latest first."""

    def actions(organization: Any) -> list[str]:
        with scope(organization.pk):
            return list(AuditEvent.objects.of(organization.pk).order_by("-pk").values_list("action", flat=True))

    return actions


@pytest.fixture
def directed(agent: Agent) -> Agent:
    """An agent with two versions of a directive."""
    with scope(agent.org_id):
        directives.save(agent, "Be brief.\nBe kind.", note="First", actor="system")
        directives.save(agent, "Be brief.\nBe exact.", note="Second", actor="system")
    return fresh(agent)


def fresh(agent: Agent) -> Agent:
    """The row as it is now."""
    with scope(agent.org_id):
        return Agent.objects.select_related("directive").get(pk=agent.pk)
