"""Large agents: their own vector index, and never fewer rows than exist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, connections

from agents.models import Agent
from ibex.core.tenancy import scope
from memories import store
from memories.embedding import embed_texts
from memories.refinement.pipeline import refine_all
from memories.retrieval import indexes, search, statements
from memories.retrieval.query import Query
from memories.retrieval.vocabulary import profiles
from memories.retrieval.words import Vocabulary, weigh
from memories.slots import Slot
from tests.memories.making import draft, memories_of

PLANTS = ["figs", "pears", "plums", "apples", "grapes", "lemons", "olives", "cherries", "quinces", "melons"]
LARGE = 5
SLOT = Slot()


@pytest.fixture
def large_agent(agent: Agent, monkeypatch) -> Iterator[Agent]:
    """An agent of ten memories where five are many."""
    monkeypatch.setattr(indexes, "EXACT_ROWS", LARGE)
    refine_all([draft(agent, f"The user grows {plant} in the garden.") for plant in PLANTS])
    yield agent
    indexes.drop("memory", agent.pk, SLOT)
    connections["owner"].close()


def ask(agent: Agent, **fields: object) -> list[str]:
    query = Query(**({"org_id": agent.org_id, "agent_id": agent.pk, "text": "do I grow olives?", "limit": 5} | fields))
    return [found.content for found in search.search_sync(query)]


def plan_of(agent: Agent) -> str:
    query = Query(org_id=agent.org_id, agent_id=agent.pk, text="olives")
    terms = weigh(["oliv"], Vocabulary(counts={}))
    given = statements.parameters(query, SLOT, search._vector_text(embed_texts(["olives"])[0]), terms)
    settings, statement = indexes.approximate(
        "memory", agent.pk, SLOT, 384, statements.candidates("memory", query, SLOT, words=len(terms.lexemes))
    )
    with scope(agent.org_id), connection.cursor() as cursor:
        cursor.execute("; ".join(settings))
        cursor.execute(f"EXPLAIN {statement}", given)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_a_large_agents_own_index_answers_as_the_exact_search_does(large_agent: Agent) -> None:
    exact = ask(large_agent)
    indexes.build("memory", large_agent.pk, SLOT)
    assert indexes.index_name("memory", large_agent.pk, SLOT) in plan_of(large_agent)
    profiles.clear()
    assert ask(large_agent) == exact
    assert profiles.get((large_agent.org_id, large_agent.pk, "", "memory", SLOT.name)).has_index  # type: ignore[union-attr]


def test_without_its_index_a_large_agent_is_searched_exactly(large_agent: Agent) -> None:
    profiles.clear()
    assert len(ask(large_agent, limit=50)) == len(PLANTS)
    assert not profiles.get((large_agent.org_id, large_agent.pk, "", "memory", SLOT.name)).has_index  # type: ignore[union-attr]


def test_an_index_never_hides_rows(large_agent: Agent) -> None:
    indexes.build("memory", large_agent.pk, SLOT)
    profiles.clear()
    assert len(ask(large_agent, limit=50)) == len(PLANTS)
    with scope(large_agent.org_id):
        store.delete(memories_of(large_agent)[0], actor="operator:1")
    assert len(ask(large_agent, limit=50)) == len(PLANTS) - 1


def test_building_twice_is_building_once(large_agent: Agent) -> None:
    indexes.build("memory", large_agent.pk, SLOT)
    indexes.build("memory", large_agent.pk, SLOT)
    assert indexes.index_name("memory", large_agent.pk, SLOT) in plan_of(large_agent)


@pytest.mark.parametrize("words", ["'oliv'", "'oliv' | 'fig'", ""])
def test_the_words_of_a_large_agent_are_those_that_any_agent_is_searched_for(large_agent: Agent, words: str) -> None:
    with scope(large_agent.org_id):
        assert worded(large_agent, alone=words) == worded(large_agent, any=words)


def test_a_row_that_words_bring_up_in_two_ways_is_found_once(large_agent: Agent) -> None:
    with scope(large_agent.org_id):
        assert len(worded(large_agent, alone="'oliv'", together="'oliv' & ('garden' | 'grow')")) == 1
        assert len(worded(large_agent, together="'garden' & 'grow'")) == len(PLANTS)


def test_nobody_elses_words_are_found(large_agent: Agent, foreign_agent: Agent) -> None:
    with scope(foreign_agent.org_id):
        assert worded(large_agent, alone="'oliv'") == []
    assert worded(large_agent, alone="'oliv'") == []


def worded(agent: Agent, **searched: str) -> list[object]:
    """Ids of the rows that the words bring up: `any` in any agent, `alone` and `together` by the agent's own index."""
    own = "any" not in searched
    queries = [searched["any"]] if not own else [searched.get("alone", ""), searched.get("together", "")]
    function = f"ibex_memory_matches{'_own' * own}"
    statement = (
        f"SELECT id FROM {function}(%s, NULL, '{{active}}', NULL, {', '.join(['%s::tsquery'] * len(queries))},"
        " ARRAY['oliv']::tsquery[], ARRAY[1.0]::float8[], 64)"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [agent.pk, *queries])
        return [row[0] for row in cursor.fetchall()]
