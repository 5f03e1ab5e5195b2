"""Counting from the receipts: each injection and each retrieval once, however often is looked."""

from __future__ import annotations

import pytest

from agents.models import Agent
from context import receipts
from context.values import Considered
from ibex.core.ids import uuid7
from ibex.core.job_runs import run_job
from ibex.core.tenancy import scope
from memories.maintenance import counts
from memories.models import Memory
from tests.dashboard.conftest import assemble, inject, make_memory, make_turn
from tests.jobs import only_own, run_whole
from tests.memories.making import make_session

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")

TEA = "The user drinks green tea in the morning."


def again(memory: Memory) -> Memory:
    with scope(memory.org_id):
        return Memory.objects.of(memory.org_id).get(pk=memory.pk)


def considered(agent: Agent, *memories: Memory, is_packed: bool = False) -> None:
    """For a prompt, with the receipt that the drain writes of it."""
    lines = [
        Considered(
            memory_id=memory.pk, version=1, rank=rank, score=0.5, components=(), arm="cold", tokens=1,
            is_packed=is_packed,
        ).as_row()
        for rank, memory in enumerate(memories, 1)
    ]  # fmt: skip
    turn_id, told = uuid7(), {"assembled_at": 0.0, "placement": "system_first", "mode": "on", "level": 0}
    told |= {"missing": [], "directive_version": 0, "joins_blocks": False, "message_count": 1, "forgotten": []}
    with scope(agent.org_id):
        receipts.keep(agent.org_id, [(agent.pk, turn_id, lines)])
        receipts.keep_assemblies(agent.org_id, [(agent.pk, turn_id, None, "", told, lines)])


def test_what_was_considered_is_counted_once_from_the_receipts(agent, foreign_agent, monkeypatch):
    monkeypatch.setattr(counts, "TURNS_AT_ONCE", 2)
    tea, other = make_memory(agent, TEA), make_memory(agent, "The user has a dog.")
    foreign = make_memory(foreign_agent, TEA)
    considered(agent, tea, is_packed=True)
    for _ in range(4):
        considered(agent, tea)
    for _ in range(2):
        run_whole("count_retrievals")
    assert [again(memory).retrieval_count for memory in (tea, other, foreign)] == [5, 0, 0]
    assert again(tea).last_retrieved_at is not None
    considered(agent, other, tea)
    run_whole("count_retrievals")
    assert [again(memory).retrieval_count for memory in (tea, other)] == [6, 1]


def in_rows(memory: Memory) -> None:
    """As before lines were kept with the assembly."""
    turn = make_turn(make_session(memory.agent))
    inject(turn, memory)
    assemble(turn)


def in_json(memory: Memory) -> None:
    """As before they were text."""
    line = [str(memory.pk), 1, 1, 0.5, [], "cold", 1, False]
    assemble(make_turn(make_session(memory.agent)), lines=[line])


@pytest.mark.parametrize("kept", [in_rows, in_json])
def test_what_was_kept_otherwise_before_is_counted_as_well(agent, kept):
    tea = make_memory(agent, TEA)
    kept(tea)
    for _ in range(2):
        run_whole("count_retrievals")
    assert again(tea).retrieval_count == 1


def test_what_was_shown_is_counted_once_and_what_was_left_out_or_shown_again_is_not(agent, foreign_agent):
    tea, left_out, foreign = (
        make_memory(agent, TEA), make_memory(agent, "The user has a dog."), make_memory(foreign_agent, TEA),
    )  # fmt: skip
    turn = make_turn(make_session(agent))
    inject(turn, tea)
    inject(turn, left_out, rank=2, is_packed=False)
    inject(make_turn(make_session(agent)), tea, arm="replayed")
    for _ in range(2):
        run_whole("count_injections")
    assert [again(memory).injection_count for memory in (tea, left_out, foreign)] == [1, 0, 0]
    assert (again(tea).last_injected_at is None, again(left_out).last_injected_at) == (False, None)
    for _ in range(4):
        run_job("count_injections")
    inject(make_turn(make_session(agent)), tea)
    run_job("count_injections")
    assert again(tea).injection_count == 2
