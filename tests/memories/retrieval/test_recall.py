"""Approximate search is measured against exact search, kept, and shown."""

from __future__ import annotations

import pytest

from agents.models import Agent
from ibex.core.jobs import Place, Progress
from ibex.core.tenancy import scope
from memories.maintenance import recall as watch
from memories.models import RecallCheck
from memories.retrieval import indexes, recall
from tests.factories import Person
from tests.memories.retrieval.test_indexes import PLANTS, SLOT, large_agent

__all__ = ["large_agent"]


def measured(agent: Agent) -> recall.Recall | None:
    with scope(agent.org_id):
        return recall.measure(agent.org_id, agent.pk, "memory", SLOT)


def steps(agent: Agent) -> list[Progress]:
    """The job's steps for the agent's organization alone: others share the database."""
    run = watch.measure(Place(org_id=agent.org_id))
    return [step for step in run if step.place and step.place.org_id == agent.org_id]


def test_the_index_of_a_small_set_misses_nothing(large_agent: Agent) -> None:
    indexes.build("memory", large_agent.pk, SLOT)
    found = measured(large_agent)
    assert found is not None
    assert (found.recall, found.fewest, found.rows) == (1.0, len(PLANTS), len(PLANTS))
    assert found.questions == len(PLANTS)


def test_an_agent_that_is_searched_exactly_has_nothing_to_measure(large_agent: Agent) -> None:
    assert measured(large_agent) is None


def test_an_index_that_misses_rows_is_found_out(large_agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    indexes.build("memory", large_agent.pk, SLOT)
    near = indexes.approximate

    def blind(*given: object) -> tuple[str, str]:
        settings, statement = near(*given)  # type: ignore[arg-type]
        return settings, statement.replace("ORDER BY", "AND content NOT LIKE '%%olives%%' ORDER BY")

    monkeypatch.setattr(indexes, "approximate", blind)
    found = measured(large_agent)
    assert found is not None
    assert found.recall == pytest.approx(0.9)
    assert found.fewest == len(PLANTS) - 1


def test_the_job_keeps_what_it_measured_and_the_page_shows_it_to_members_only(
    large_agent: Agent, alice: Person, victor: Person, charlie: Person
) -> None:
    indexes.build("memory", large_agent.pk, SLOT)
    assert sum(step.counts["searches_measured"] for step in steps(large_agent) if step.counts) == 1
    with scope(large_agent.org_id):
        check = RecallCheck.objects.of(large_agent.org_id).get()
    assert (check.kind, check.recall) == ("memory", 1.0)
    for who in (alice, victor):
        page = who.client.get("/memories/recall").content.decode()
        assert "1.000" in page
        assert large_agent.name in page
    assert "1.000" not in charlie.client.get("/memories/recall").content.decode()


def test_a_page_without_measurements_says_when_there_will_be_some(alice: Person) -> None:
    assert "searched exactly" in alice.client.get("/memories/recall?agent_id=nonsense").content.decode()
