"""Memories held in the process: the same answers as the vault's, and never one that the vault would not give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from agents.models import Agent
from context.desk_read import parse_desk
from ibex.core.redis import org_key, redis
from ibex.core.tenancy import scope
from memories import desk, store
from memories.models import Memory
from memories.refinement.pipeline import refine_all
from memories.refinement.revision import revise
from memories.retrieval import held
from memories.retrieval.held import Cuts, Held, Shelf, read, renewed
from memories.retrieval.in_memory import search_held
from memories.retrieval.lexemes import lexemes_of
from memories.retrieval.perspective import first_person
from memories.retrieval.query import PROMPT_EXCERPT_TOKENS, Found, Query
from memories.retrieval.search import search
from memories.retrieval.vocabulary import profiles
from memories.slots import Slot, ready
from tests.memories.making import draft, keep, make_session, remember, say

WAIT_S = 20.0
FACTS = [
    "The user's dog is named Biscuit.",
    "The user works as a nurse in a children's hospital.",
    "The user is allergic to peanuts.",
    "The user ran a half marathon in September 2025.",
    "The staging database listens on port 5433.",
    "The user's e-mails are answered on Fridays, at www.example.org/inbox.",
    "Die Nutzerin wohnt in Zürich.",
]
QUESTIONS = [
    "what is my dog called?",
    "Which port does the staging db use: 5433, or another one?",
    "When did I run (the half marathon)? Was it September 2025.",
    "what's at www.example.org/inbox",
    "Wo wohnt die Nutzerin in Zürich?",
    "???",
]

pytestmark = pytest.mark.usefixtures("hot_path")


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    mine = Shelf()
    monkeypatch.setattr("memories.retrieval.search.shelf", mine)
    return mine


@pytest.fixture
async def knowing(agent: Agent, hot_path: None) -> Agent:
    """An agent that knows a few things, with a warm desk."""
    await sync_to_async(refine_all)([draft(agent, fact) for fact in FACTS])
    await sync_to_async(desk.refresh)(agent.org_id, agent.pk)
    return agent


def cuts_of(agent: Agent) -> Cuts | None:
    values = redis().hvals(org_key(agent.org_id, "hotdata", agent.pk))
    return parse_desk(directive=None, hot=list(values)).cuts  # type: ignore[arg-type]


def question(agent: Agent, text: str, cuts: Cuts | None = None) -> Query:
    return Query(org_id=agent.org_id, agent_id=agent.pk, text=text, cuts=cuts)


async def copy_of(agent: Agent) -> Held:
    copy = await asyncio.to_thread(read, (agent.org_id, agent.pk, "", "memory"), ("#1",), Slot())
    assert copy is not None
    return copy


async def told(shelf: Shelf, agent: Agent) -> list[str]:
    """What the process holds of `agent`, once it holds what the desk's cut of now asks for."""
    async with asyncio.timeout(WAIT_S):
        place = (agent.org_id, agent.pk, "", "memory")
        while (copy := shelf.get(place, await sync_to_async(cuts_of)(agent), Slot())) is None:
            shelf._rest_until.clear()
            await asyncio.sleep(0.01)
    return [row[3] for row in copy.rows]


@pytest.mark.parametrize("text", QUESTIONS)
async def test_a_copy_answers_as_the_vault_does(knowing: Agent, text: str) -> None:
    from_vault = await search(question(knowing, text))
    vector = await (await ready()).queries.embed(first_person(text))
    copy = await copy_of(knowing)
    copied = search_held(copy, question(knowing, text), vector, await lexemes_of(text))

    def by_content(found: list[Found]) -> list[Found]:
        return sorted(found, key=lambda one: one.content)

    pairs = list(zip(by_content(copied), by_content(from_vault), strict=True))
    assert all((mine.content, mine.arm) == (its.content, its.arm) for mine, its in pairs)
    # The vault weighs words by a sample that counts superseded memories as well.
    assert [mine.relevance for mine, _ in pairs] == pytest.approx([its.relevance for _, its in pairs], abs=0.01)
    assert [one.content for one in copied[:2]] == [one.content for one in from_vault[:2]]


async def test_no_copy_is_used_where_the_desk_does_not_say_that_it_holds(knowing: Agent, shelf: Shelf) -> None:
    assert await told(shelf, knowing)
    assert shelf.get((knowing.org_id, knowing.pk, "", "memory"), None, Slot()) is None
    assert shelf.get((knowing.org_id, knowing.pk, "", "memory"), ("#another",), Slot()) is None


def deletes(memory: Memory) -> None:
    with scope(memory.org_id):
        store.delete(memory, actor="operator:alice")


def rewrites(memory: Memory) -> None:
    revise(memory.org_id, memory.pk, content="The user's cat is named Biscuit.", actor="operator:alice")


@pytest.mark.parametrize("act", [deletes, rewrites])
async def test_what_was_taken_away_or_rewritten_is_never_found_in_a_copy_again(
    knowing: Agent, shelf: Shelf, act: Callable[[Memory], None]
) -> None:
    dog = await sync_to_async(remember)(knowing, "The user's dog, Rex, is afraid of thunder.")
    await sync_to_async(desk.refresh)(knowing.org_id, knowing.pk)
    assert dog.content in await told(shelf, knowing)
    await sync_to_async(act)(dog)
    assert dog.content not in await told(shelf, knowing)
    found = await search(question(knowing, "my dog", await sync_to_async(cuts_of)(knowing)))
    assert dog.content not in [one.content for one in found]


async def test_a_new_memory_does_not_make_the_copy_useless(knowing: Agent, shelf: Shelf) -> None:
    before = await sync_to_async(cuts_of)(knowing)
    await sync_to_async(remember)(knowing, "The user plays the viola.")
    assert before is not None
    assert await sync_to_async(cuts_of)(knowing) == before


async def test_a_copy_that_is_too_old_is_not_used(
    knowing: Agent, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(shelf, knowing)
    monkeypatch.setattr(held, "AGE_MAX_S", 0.0)
    assert shelf.get((knowing.org_id, knowing.pk, "", "memory"), await sync_to_async(cuts_of)(knowing), Slot()) is None


async def test_a_copy_stays_good_without_being_read_again_while_nothing_is_written(knowing: Agent) -> None:
    place = (knowing.org_id, knowing.pk, "", "memory")
    copy = await asyncio.to_thread(renewed, None, place, ("#1",), Slot())
    again = await asyncio.to_thread(renewed, copy, place, ("#1",), Slot())
    assert copy is not None
    assert again is not None
    assert again.rows is copy.rows
    assert again.read_at > copy.read_at
    await sync_to_async(remember)(knowing, "The user plays the viola.")
    anew = await asyncio.to_thread(renewed, again, place, ("#1",), Slot())
    assert anew is not None
    assert "The user plays the viola." in [row[3] for row in anew.rows]
    other_cut = await asyncio.to_thread(renewed, anew, place, ("#2",), Slot())
    assert other_cut is not None
    assert other_cut.rows is not anew.rows


async def test_a_copy_is_read_again_after_a_while_also_when_nothing_is_written(
    knowing: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = (knowing.org_id, knowing.pk, "", "memory")
    copy = await asyncio.to_thread(renewed, None, place, ("#1",), Slot())
    monkeypatch.setattr(held, "READ_WHOLE_AFTER_S", 0.0)
    again = await asyncio.to_thread(renewed, copy, place, ("#1",), Slot())
    assert copy is not None
    assert again is not None
    assert again.rows is not copy.rows


async def test_what_has_expired_since_the_copy_was_made_is_not_found(knowing: Agent) -> None:
    later = timezone.now() + timedelta(hours=1)
    await sync_to_async(remember)(knowing, "The user is at the dentist now.", expires_at=later)
    copy = await copy_of(knowing)
    vector = await (await ready()).queries.embed("dentist")

    def contents(at: Held) -> list[str]:
        return [one.content for one in search_held(at, question(knowing, "dentist"), vector, ["dentist"])]

    assert "The user is at the dentist now." in contents(copy)
    assert "The user is at the dentist now." not in contents(replace(copy, ends=copy.ends - 2 * 3600))


async def test_an_agent_with_too_many_memories_is_not_held(knowing: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "ROWS_MAX", 3)
    assert await asyncio.to_thread(read, (knowing.org_id, knowing.pk, "", "memory"), ("#1",), Slot()) is None


async def test_another_organization_reads_nothing_of_it(knowing: Agent, foreign_agent: Agent) -> None:
    copy = await asyncio.to_thread(read, (foreign_agent.org_id, knowing.pk, "", "memory"), ("#1",), Slot())
    assert copy is not None
    assert list(copy.rows) == []


async def test_a_copy_of_one_end_user_holds_nothing_of_another(knowing: Agent) -> None:
    for name in ("ann", "ben"):
        await sync_to_async(remember)(knowing, f"The user is called {name}.", end_user=name)
    copy = await asyncio.to_thread(read, (knowing.org_id, knowing.pk, "ann", "memory"), ("#1", "#2"), Slot())
    assert copy is not None
    owners = {row[2] for row in copy.rows}
    assert owners == {"", "ann"}


@pytest.mark.parametrize(
    "text", [*QUESTIONS, *FACTS, "don't", "user's dogs' beds", "e.g. this. And that.", "ALL CAPS 007"]
)
async def test_words_asked_one_by_one_are_those_of_the_whole_text(hot_path: None, text: str) -> None:
    from ibex.core.database import hot_pool

    async with hot_pool().connection() as connection:
        cursor = await connection.execute("SELECT tsvector_to_array(to_tsvector('english', %s))", [text])
        whole = (await cursor.fetchone() or [None])[0]
    for _ in range(2):
        assert await lexemes_of(text) == sorted(whole or [])


SAID = [
    ("I'm planning something for the summer.", "Ines"),
    ("We booked a cabin near the lake for August.", "Rui"),
    ("It has no internet, which is the point.", "Ines"),
    ("My boss gave me a raise in March.", ""),
]
ASKED = ["where is the cabin we booked?", "What did Ines plan?", "When did my boss give me a raise?", "the internet"]


@pytest.mark.parametrize("text", ASKED)
async def test_a_copy_of_what_was_said_answers_as_the_vault_does(agent: Agent, hot_path: None, text: str) -> None:
    await sync_to_async(_say_all)(agent)
    profiles.clear()
    asked = Query(
        org_id=agent.org_id, agent_id=agent.pk, text=text, include_memories=False, include_excerpts=True,
        excerpt_tokens=PROMPT_EXCERPT_TOKENS,
    )  # fmt: skip
    from_vault = await search(asked)
    copy = await asyncio.to_thread(read, (agent.org_id, agent.pk, "", "excerpt"), ("#1",), Slot())
    assert copy is not None
    vector = await (await ready()).queries.embed(first_person(text, copy.speakers))
    copied = search_held(copy, asked, vector, await lexemes_of(text))

    def seen(found: list[Found]) -> list[tuple[str, str, str, str]]:
        return sorted((one.content, one.role, one.speaker, one.arm) for one in found)

    assert seen(copied) == seen(from_vault)
    assert copied[0].content == from_vault[0].content
    assert [one.relevance for one in copied] == pytest.approx([one.relevance for one in from_vault], abs=0.01)


def _say_all(agent: Agent) -> None:
    first, second = make_session(agent), make_session(agent)
    turns = [say(second if "boss" in text else first, text, name=name) for text, name in SAID]
    turns.append(say(second, "Thanks!", "I have booked a table to celebrate your raise."))
    keep(agent, turns)


async def test_what_is_paused_is_bounded(knowing: Agent, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "PAUSES_KEPT", 3)
    monkeypatch.setattr(held, "ROWS_MAX", 0)
    for number in range(10):
        place = (knowing.org_id, knowing.pk, f"user {number}", "memory")
        assert shelf.get(place, ("#1",), Slot()) is None
        assert shelf._reading is not None
        await shelf._reading
        assert max(len(shelf._asked_at), len(shelf._rest_until)) <= 3
