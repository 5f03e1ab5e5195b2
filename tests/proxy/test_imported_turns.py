"""A history that nobody knows: its earlier turns are in the vault once, whatever is asked again or forgotten."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections

from agents.models import Checkpoint, Session
from ibex.core.tenancy import scope
from ibex.core.tokens import count
from ibex.providers.sse import ChatOutcome
from proxy import imported
from proxy.dialects.messages import Messages
from proxy.dialects.responses import Responses
from proxy.entry import TurnEntry
from proxy.record import record_answer
from proxy.vault_writer import write_turns

SAID_AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


PAST = [user("I live in Porto."), assistant("A fine town."), user("My dog is called Biscuit."), assistant("Noted.")]
HISTORY = [{"role": "system", "content": "Be kind."}, *PAST, user("Where do I live?")]
WORDS = ["I live in Porto.", "My dog is called Biscuit.", "Where do I live?"]


def words(turns):
    return [turn.user_text for turn in turns]


async def test_earlier_turns_come_before_the_live_one_and_are_marked(call, drained, acme):
    turn = await call(HISTORY, "In Porto.", X_IBEX_Said_At=SAID_AT.isoformat(), X_IBEX_User_ID="kim")
    [(session_id, turns)] = (await drained()).items()
    assert session_id == turn.start.session.id
    assert [(t.number, t.is_imported, t.user_text, t.assistant_text) for t in turns] == [
        (1, True, "I live in Porto.", "A fine town."),
        (2, True, "My dog is called Biscuit.", "Noted."),
        (3, False, "Where do I live?", "In Porto."),
    ]
    first = turns[0]
    assert (first.said_at, first.finished_at, first.end_user) == (SAID_AT, SAID_AT, "kim")
    assert (first.is_complete, first.may_learn, first.model, first.request_id) == (True, True, "", "")
    assert (first.prompt_tokens, first.completion_tokens) == (count("I live in Porto."), count("A fine town."))
    assert first.messages == PAST[:1]


async def test_a_session_counts_imported_turns_but_not_their_tokens(call, drained, acme):
    await call(HISTORY, "In Porto.")
    [(session_id, turns)] = (await drained()).items()

    def session():
        with scope(acme.pk):
            return Session.objects.of(acme.pk).get(pk=session_id)

    row = await sync_to_async(session)()
    assert row.turn_count == 3
    assert (row.prompt_tokens, row.completion_tokens) == (turns[2].prompt_tokens, turns[2].completion_tokens)


async def test_what_the_session_knows_is_not_imported_again(call, drained):
    await call(HISTORY, "In Porto.")
    grown = [*HISTORY, assistant("In Porto."), user("And my dog?")]
    await call(grown, "Biscuit.")
    await call(grown, "Biscuit, you said.")
    [turns] = (await drained()).values()
    assert words(turns) == [*WORDS, "And my dog?", "And my dog?"]
    assert [turn.number for turn in turns] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_an_edit_imports_nothing_that_was_imported(call, drained, in_one_batch):
    await call(HISTORY, "In Porto.")
    if not in_one_batch:
        await drained()
    await call([*PAST[:2], user("My cat is called Tom."), assistant("Noted."), user("Where do I live?")], "In Porto.")
    assert sorted(words(itertools.chain(*(await drained()).values()))) == sorted(
        [*WORDS, "My cat is called Tom.", "Where do I live?"]
    )


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_history_is_not_told_twice_when_redis_has_forgotten_it(call, drained, forget, in_one_batch):
    history = []
    for number in range(4):
        history.append(user(f"Fact number {number}: I own {number} boats."))
        await call(history)
        history.append(assistant("Fine."))
        if not in_one_batch:
            await drained()
        forget()
    sessions = await drained()
    assert [words(turns) for turns in sessions.values()] == [
        [f"Fact number {number}: I own {number} boats."] for number in range(4)
    ]


async def test_windows_over_one_conversation_import_nothing_twice(call, drained):
    history = []
    for number in range(6):
        history.append(user(f"Yes {number}"))
        await call(history[-3:], "Ok.")  # too short to be known by its ending
        history.append(assistant("Ok."))
    turns = list(itertools.chain(*(await drained()).values()))
    assert sorted(words(turns)) == [f"Yes {number}" for number in range(6)]
    assert not any(turn.is_imported for turn in turns)


async def test_a_question_that_was_asked_with_documents_is_known_without_them(call, drained, forget):
    await call([user("Documents: p. 12\n\nWhere is the harbour?")], "Behind the station.")
    forget()
    await call([user("Where is the harbour?"), assistant("Behind the station."), user("Thanks.")])
    assert [words(turns) for turns in (await drained()).values()][1] == ["Thanks."]


async def test_the_same_unknown_history_asked_at_once_is_imported_once(call, drained):
    await asyncio.gather(*(call(HISTORY, "In Porto.") for _ in range(3)))
    turns = list(itertools.chain(*(await drained()).values()))
    assert sorted(words(turns)) == sorted([*WORDS[:2], *["Where do I live?"] * 3])


async def test_two_drains_at_once_import_it_once(call, entries, acme):
    await asyncio.gather(*(call(HISTORY, "In Porto.") for _ in range(4)))
    journaled = entries()

    def write(entry):
        try:
            for _ in range(2):  # as the drain does with a batch that another one was faster with
                try:
                    return write_turns(acme.pk, [entry])
                except DatabaseError as error:
                    failed = error
            raise failed
        finally:
            connections.close_all()

    def work():
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, journaled))
        with scope(acme.pk):
            return sorted(Checkpoint.objects.of(acme.pk).values_list("user_text", flat=True))

    assert await sync_to_async(work)() == sorted([*WORDS[:2], *["Where do I live?"] * 4])


async def test_a_replayed_entry_changes_nothing(call, entries, drained, acme):
    await call(HISTORY, "In Porto.")
    [entry] = entries()
    for _ in range(2):
        await sync_to_async(write_turns)(acme.pk, [TurnEntry.from_bytes(entry.to_bytes())])
    [turns] = (await drained()).values()
    assert words(turns) == WORDS


async def test_each_end_user_has_a_past_of_their_own(call, drained):
    for name in ("kim", "lee"):
        await call(HISTORY, "In Porto.", X_IBEX_User_ID=name)
    sessions = (await drained()).values()
    assert [words(turns) for turns in sessions] == [WORDS, WORDS]


async def test_a_new_named_session_gets_its_past_and_keeps_it(call, drained):
    first = await call(HISTORY, "In Porto.", X_IBEX_Session_ID="chat-1")
    await call([*HISTORY, assistant("In Porto."), user("So?")], X_IBEX_Session_ID="chat-1")
    sessions = await drained()
    assert words(sessions[first.start.session.id]) == [*WORDS, "So?"]


async def test_nothing_is_imported_while_redis_cannot_say_what_is_known(call, drained, monkeypatch):
    monkeypatch.setattr("proxy.turn_start.TIMEOUT_S", 0)
    await call(HISTORY, "In Porto.")
    [turns] = (await drained()).values()
    assert words(turns) == WORDS[2:]


async def test_a_call_that_may_not_teach_brings_a_past_that_may_not(call, drained):
    await call(HISTORY, "In Porto.", X_IBEX_Memory="read")
    [turns] = (await drained()).values()
    assert [turn.may_learn for turn in turns] == [False] * 3


async def test_a_past_with_tools_has_the_turns_that_it_would_have_had(call, drained):
    called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "c1", "content": "sun"}
    past = [user("Weather?"), assistant(None, tool_calls=[called]), result, assistant("Sunny.")]
    await call([*past, user("Thanks.")])
    [turns] = (await drained()).values()
    assert [(t.messages, t.assistant_text, t.tool_calls) for t in turns[:2]] == [
        ([user("Weather?")], "", [called]),
        ([result], "Sunny.", []),
    ]


async def test_a_greeting_that_nobody_asked_for_is_no_turn(call, drained):
    await call([assistant("Hello! What can I do for you?"), user("Where is the harbour?")])
    [turns] = (await drained()).values()
    assert words(turns) == ["Where is the harbour?"]


async def test_what_cannot_be_stored_is_left_out_of_a_past(call, drained):
    await call([user("I live\0 in Porto."), assistant("A fine\0 town."), user("So?")])
    [turns] = (await drained()).values()
    assert [turn.user_text for turn in turns] == ["I live in Porto.", "So?"]


async def test_of_pictures_only_their_place_is_imported(call, drained):
    url = "data:image/png;base64," + "A" * 50_000
    picture = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    await call([user(picture), assistant("A bird."), user("Which one?")])
    [turns] = (await drained()).values()
    assert turns[0].messages == [user([{"type": "text", "text": "What is this?"}, {"type": "image_url"}])]


async def test_of_a_very_long_past_the_end_is_imported(call, entries):
    past = [m for n in range(450) for m in (user(f"{n} " + "word " * 180), assistant(f"Noted, {n}."))]
    await call([*past, user("So?")])
    [entry] = entries()
    assert len(entry.to_bytes()) < imported.MAX_IMPORTED_BYTES + 8 * 1024
    turns = imported.past_turns(entry.checkpoint["imported"])
    assert 80 < len(turns) <= imported.MAX_IMPORTED_MESSAGES // 2
    assert turns[-1].assistant_text == "Noted, 449."


ELSEWHERE = {
    "responses": (
        Responses(),
        {
            "input": [
                user("I live in Porto."),
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A fine town."}]},
                user([{"type": "input_text", "text": "Where do I live?"}]),
            ]
        },
    ),
    "messages": (
        Messages(),
        {
            "messages": [
                user("I live in Porto."),
                assistant([{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "A fine town."}]),
                user([{"type": "text", "text": "Where do I live?", "cache_control": {"type": "ephemeral"}}]),
            ]
        },
    ),
}


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_the_other_dialects_bring_their_past_too(begin, drained, own_journal, name):
    dialect, body = ELSEWHERE[name]
    turn = await begin(body, dialect=dialect)
    await record_answer(turn, ChatOutcome(text="In Porto.", is_complete=True))
    [turns] = (await drained()).values()
    assert [(t.user_text, t.assistant_text, t.is_imported) for t in turns] == [
        ("I live in Porto.", "A fine town.", True),
        ("Where do I live?", "In Porto.", False),
    ]
