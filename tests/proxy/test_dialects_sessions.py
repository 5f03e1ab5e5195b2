"""Conversations that go on by an id: one session for a chain of responses, whichever way the caller goes on."""

from __future__ import annotations

import itertools

import orjson
import pytest

from agents.authentication import agent_for, authenticate
from proxy.dialects.responses import Responses
from proxy.record import record_answer
from proxy.switches import read_switches
from proxy.turn import Incoming, Turn
from proxy.turn_start import read_turn_start

DIALECT = Responses()


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


@pytest.fixture
async def call(hot_path, alice, agent):
    """One whole turn without a provider: returns the session's reference and the response's id."""
    principal = await authenticate(f"Bearer {alice.token}")
    card = await agent_for(principal, agent.slug)
    numbers = itertools.count()

    async def call(given, *, answer="Fine.", conversation="", end_user="", **more):
        payload = {"model": "m", "input": given, **more} | ({"conversation": conversation} if conversation else {})
        turn = Turn.begin(Incoming(method="POST", path="/", headers={}, body=b""), "test")
        turn.payload = DIALECT.view(payload)
        turn.principal, turn.agent = principal, card
        turn.switches = read_switches({"x-ibex-user-id": end_user}, turn.payload, trusts_body_user=True)
        turn.prints = DIALECT.prints(payload, turn.payload)
        turn.start = await read_turn_start(turn, principal, card)
        response = {"id": f"resp_{next(numbers)}", "status": "completed", "output": [said(answer)]}
        if conversation:
            response["conversation"] = {"id": conversation}
        await record_answer(turn, DIALECT.outcome(orjson.dumps(response)))
        return turn.start.session, response["id"]

    return call


async def test_a_chain_of_responses_is_one_session(call):
    first, response_id = await call("Hi")
    for text in ("So?", "And then?"):
        session, response_id = await call(text, previous_response_id=response_id)
        assert session.id == first.id


async def test_a_history_sent_whole_is_the_same_session_as_well(call):
    first, _ = await call("Hi")
    second, response_id = await call([user("Hi"), said("Fine."), user("So?")])
    third, _ = await call("And then?", previous_response_id=response_id)
    assert first.id == second.id == third.id
    assert second.known_messages == 2


async def test_going_on_from_an_earlier_answer_is_a_session_of_its_own(call):
    first, earlier = await call("Hi")
    _, later = await call("So?", previous_response_id=earlier)
    await call("And then?", previous_response_id=later)
    fork, response_id = await call("Or else?", previous_response_id=earlier)
    assert fork.id != first.id
    assert (await call("Yes.", previous_response_id=response_id))[0].id == fork.id


async def test_an_answer_asked_for_again_stays_in_its_session(call):
    first, earlier = await call("Hi")
    await call("So?", previous_response_id=earlier)
    again, _ = await call("So?", previous_response_id=earlier)
    assert again.id == first.id


async def test_a_conversation_kept_by_the_provider_is_one_session(call):
    first, _ = await call("Hi", conversation="conv_1")
    second, _ = await call("So?", conversation="conv_1")
    other, _ = await call("Hi", conversation="conv_2")
    assert first.id == second.id != other.id


async def test_an_id_nobody_has_seen_or_another_end_users_begins_a_session(call):
    first, response_id = await call("Hi", end_user="kim")
    assert (await call("So?", previous_response_id="resp_x", end_user="kim"))[0].id != first.id
    assert (await call("So?", previous_response_id=response_id, end_user="lee"))[0].id != first.id
