"""Which agents have search indexes of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections

from agents.models import Agent
from ibex.core.tenancy import cross_tenant
from memories.models import Memory
from memories.refinement.pipeline import refine_all
from memories.retrieval import indexes, large
from memories.slots import Slot
from memories.tasks import drop_indexes_of, index_agent
from tests.memories.making import draft

PLANTS = ["figs", "pears", "plums", "apples", "grapes", "lemons"]


@pytest.fixture
def grown(agent: Agent, monkeypatch) -> Iterator[tuple[str, object]]:
    """An agent of six memories where four are many, and a table that could bear all that other tests left."""
    monkeypatch.setattr(indexes, "EXACT_ROWS", 4)
    monkeypatch.setattr(large, "INDEXED_MOST", 10_000)
    refine_all([draft(agent, f"The user grows {plant} in the garden.") for plant in PLANTS])
    yield ("memory", agent.pk)
    indexes.drop("memory", agent.pk, Slot())
    connections["owner"].close()


def forget_all_but(agent: Agent, kept: int) -> None:
    with cross_tenant("test") as system:
        rows = Memory.objects.using(system).filter(agent_id=agent.pk).order_by("pk").values_list("pk", flat=True)
        Memory.objects.using(system).filter(pk__in=list(rows[kept:])).delete()


def test_agents_of_all_organizations_are_found(grown, foreign_agent: Agent) -> None:
    found = large.large_agents()
    assert grown in found
    assert ("memory", foreign_agent.pk) not in found


def test_no_more_than_a_table_can_bear_are_indexed_and_who_is_stays(grown, monkeypatch) -> None:
    monkeypatch.setattr(large, "INDEXED_MOST", 0)
    assert grown not in large.large_agents()
    index_agent("memory", str(grown[1]))
    assert grown in large.large_agents()


def test_an_agent_that_shrinks_a_little_keeps_its_indexes(grown, agent: Agent) -> None:
    index_agent("memory", str(agent.pk))
    forget_all_but(agent, 3)
    assert grown in large.large_agents()
    assert grown not in large._surveyed()[1]


def test_an_agent_that_is_small_again_loses_them(grown, agent: Agent) -> None:
    index_agent("memory", str(agent.pk))
    forget_all_but(agent, 1)
    assert grown in large._surveyed()[1]
    drop_indexes_of("memory", str(agent.pk))
    assert grown not in large._surveyed()[1]
