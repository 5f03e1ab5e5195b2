"""Which session a call belongs to: by its own history, as real clients send it."""

from __future__ import annotations

import orjson
import pytest

from agents.authentication import agent_for, authenticate
from ibex.providers.sse import ChatOutcome
from proxy.conversation import fingerprint
from proxy.record import record_answer
from proxy.switches import read_switches
from proxy.turn import Incoming, Turn
from proxy.turn_start import read_turn_start


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


@pytest.fixture
async def call(hot_path, alice, agent):
    """One whole turn without a provider: returns its session's reference."""
    principal = await authenticate(f"Bearer {alice.token}")
    card = await agent_for(principal, agent.slug)

    async def call(messages, answer="Fine.", **headers):
        names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        turn = Turn.begin(Incoming(method="POST", path="/", headers=names, body=b""), "test")
        turn.payload = orjson.loads(orjson.dumps({"model": "m", "messages": messages}))
        turn.principal, turn.agent = principal, card
        turn.switches = read_switches(names, turn.payload, trusts_body_user=True)
        turn.prints = fingerprint(turn.payload["messages"])
        turn.start = await read_turn_start(turn, principal, card)
        await record_answer(turn, ChatOutcome(text=answer, is_complete=True))
        return turn.start.session

    return call


async def test_a_growing_history_stays_in_its_session(call):
    first = await call([user("Hi")])
    second = await call([user("Hi"), assistant("Fine."), user("And you?")])
    third = await call([user("Hi"), assistant("Fine."), user("And you?"), assistant("Fine."), user("Good.")])
    assert first.id == second.id == third.id
    assert (second.known_messages, third.known_messages) == (2, 4)


async def test_two_conversations_that_begin_alike_part_with_their_answers(call):
    first = await call([user("Hi")], answer="Hello!")
    other = await call([user("Hi")], answer="Good morning.")
    assert first.id != other.id
    assert (await call([user("Hi"), assistant("Hello!"), user("So?")])).id == first.id
    assert (await call([user("Hi"), assistant("Good morning."), user("So?")])).id == other.id


async def test_an_edited_history_forks_and_its_past_is_not_told_twice(call):
    first = await call([user("Hi")])
    history = [user("Hi"), assistant("Fine.")]
    await call([*history, user("I like tea.")])
    fork = await call([*history, user("I like coffee.")])
    assert fork.id != first.id
    assert fork.known_messages == 2
    grown = await call([*history, user("I like coffee."), assistant("Fine."), user("Black.")])
    assert grown.id == fork.id


async def test_a_turn_asked_again_stays_in_its_session(call):
    first = await call([user("Hi")])
    messages = [user("Hi"), assistant("Fine."), user("And you?")]
    await call(messages, answer="Well.")
    again = await call(messages, answer="Very well.")
    assert again.id == first.id
    assert (await call([*messages, assistant("Very well."), user("Good.")])).id == first.id


async def test_end_users_with_the_same_words_have_their_own_sessions(call):
    kim = await call([user("Hi")], X_IBEX_User_ID="kim")
    await call([user("Hi")], X_IBEX_User_ID="lee")
    assert (await call([user("Hi"), assistant("Fine."), user("So?")], X_IBEX_User_ID="kim")).id == kim.id


async def test_a_named_session_is_what_its_name_says_whatever_the_history(call):
    first = await call([user("Hi")], X_IBEX_Session_ID="chat-1")
    other = await call([user("Something else")], X_IBEX_Session_ID="chat-1")
    assert first.id == other.id
    assert first.external_id == "chat-1"
    assert (await call([user("Hi")], X_IBEX_Session_ID="chat-2")).id != first.id


async def test_the_id_that_ibex_answered_names_the_session_too(call):
    first = await call([user("Hi")])
    assert (await call([user("Again")], X_IBEX_Session_ID=str(first.id))).id == first.id


async def test_a_uuid_of_the_callers_own_is_a_name_like_any_other(call):
    mine = "0b7a7f0e-3c1c-4d53-9a3e-0d6a52f2ce11"
    first = await call([user("Hi")], X_IBEX_Session_ID=mine)
    assert str(first.id) != mine
    assert (await call([user("Again")], X_IBEX_Session_ID=mine)).id == first.id


async def test_a_clock_in_the_system_message_changes_nothing(call):
    first = await call([{"role": "system", "content": "10:00"}, user("Hi")])
    second = await call([{"role": "system", "content": "10:01"}, user("Hi"), assistant("Fine."), user("So?")])
    assert first.id == second.id


async def test_langchain_sends_answers_back_in_its_own_shape(call):
    first = await call([{"role": "user", "content": "Hi"}])
    history = [
        {"content": "Hi", "role": "user"},
        {"content": [{"type": "text", "text": "Fine."}], "role": "assistant", "refusal": None},
        {"content": "So?", "role": "user", "name": "kim"},
    ]
    assert (await call(history)).id == first.id
