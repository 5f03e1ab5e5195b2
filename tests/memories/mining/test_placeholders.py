"""Personal data that an organization does not keep leaves no memory of its placeholder behind."""

from __future__ import annotations

from agents.models import Agent, Organization
from agents.services.privacy import change_pii_policy
from ibex.core.tenancy import scope
from memories import tasks
from tests.memories.making import make_session, memories_of, say

SAID = "My email is ines@example.org. I live in Porto."


def learned(agent: Agent) -> list[str]:
    session = make_session(agent)
    say(session, SAID)
    tasks.extract_session(str(session.org_id), str(session.pk))
    return sorted(memory.content for memory in memories_of(agent))


def test_a_memory_of_nothing_but_a_placeholder_is_not_learned(agent: Agent) -> None:
    assert learned(agent) == ["The user lives in Porto."]


def test_it_is_learned_where_the_organization_lets_the_data_through(agent: Agent, acme: Organization) -> None:
    with scope(acme.pk):
        change_pii_policy(acme, {"email": "allow"}, actor="system")

    assert learned(agent) == ["The user lives in Porto.", "The user's email is ines@example.org."]
