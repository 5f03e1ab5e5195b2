"""A copy that is read anew, and one that is read before anybody asks: what they hold, and what they cost."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError

from agents.models import Agent
from ibex.core.tenancy import scope
from memories import desk
from memories.models import Memory
from memories.retrieval import held
from memories.retrieval.held import Place, Shelf, read
from memories.slots import Slot
from tests.memories.making import remember

FACTS = ["The user's dog is named Biscuit.", "The user is allergic to peanuts.", "The user works as a nurse in Bergen."]
CONTENT, COUNT = 3, 9
"""Columns of a row: its words, and how often it was shown."""

pytestmark = pytest.mark.usefixtures("hot_path")


@pytest.fixture
async def place(agent: Agent, hot_path: None) -> Place:
    for fact in FACTS:
        await sync_to_async(remember)(agent, fact)
    return (agent.org_id, agent.pk, "", "memory")


def shown_once_more(agent: Agent, content: str) -> None:
    with scope(agent.org_id):
        Memory.objects.filter(agent=agent, content=content).update(injection_count=7)


async def test_what_is_the_same_is_not_held_twice(agent: Agent, place: Place) -> None:
    before = await asyncio.to_thread(read, place, ("#1",), Slot())
    await sync_to_async(shown_once_more)(agent, FACTS[0])
    after = await asyncio.to_thread(read, place, ("#1",), Slot(), before)
    assert before is not None
    assert after is not None
    is_shared = {new[CONTENT]: new[CONTENT] is old[CONTENT] for new, old in zip(after.rows, before.rows, strict=True)}
    assert is_shared == {FACTS[0]: False, FACTS[1]: True, FACTS[2]: True}
    assert {row[CONTENT]: row[COUNT] for row in after.rows}[FACTS[0]] == 7


async def test_all_rows_arrive_however_many_come_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 3, 500):
        monkeypatch.setattr("memories.retrieval.arriving.ROWS_AT_ONCE", size)
        copy = await asyncio.to_thread(read, place, ("#1",), Slot())
        assert copy is not None
        assert {row[CONTENT] for row in copy.rows} == set(FACTS)


async def test_an_error_of_the_vaults_is_one_of_djangos(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(held._READ, "memory", "SELECT 1 / 0")
    with pytest.raises(DatabaseError):
        await asyncio.to_thread(read, place, ("#1",), Slot())


async def test_a_copy_is_there_before_anybody_asks(agent: Agent, place: Place) -> None:
    shelf = Shelf()
    await sync_to_async(desk.refresh)(agent.org_id, agent.pk)
    cuts = await sync_to_async(desk.cuts)(agent.org_id, agent.pk, [""])
    excerpts = (*place[:3], "excerpt")
    shelf.get(excerpts, cuts, Slot())  # this one is being read when the other is asked for
    await shelf.fill(place, cuts, Slot())
    assert shelf.get(place, cuts, Slot()) is not None
    assert shelf.get(excerpts, cuts, Slot()) is not None


async def test_no_copy_is_waited_for_where_there_can_be_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "ROWS_MAX", 0)
    shelf = Shelf()
    await shelf.fill(place, None, Slot())
    await shelf.fill(place, ("#1",), Slot())
    assert shelf.get(place, ("#1",), Slot()) is None


async def test_there_is_room_for_a_copy_as_long_as_no_other_has_to_go(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "ROWS_MAX", 3)
    monkeypatch.setattr(held, "ROWS_KEPT", 5)
    shelf = Shelf()
    assert shelf.has_room
    await shelf.fill(place, ("#1",), Slot())
    assert not shelf.has_room
