"""Anthropic's messages: seen as a chat, sent on as they came with nothing but the additions."""

from __future__ import annotations

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.place import place
from ibex.core.errors import InvalidRequest
from ibex.providers.base import Usage
from proxy.conversation import after_answer
from proxy.dialects.messages import Messages, error_body

MESSAGES = Messages()
CALL = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "it"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "A cat."}
MODES = ["system_first", "system_append", "user_prepend"]
SECRET = "swordfish-7731"


def text(said):
    return {"type": "text", "text": said}


def asked(*messages, **more):
    return {"model": "claude", "max_tokens": 9, "messages": list(messages), **more}


def user(content):
    return {"role": "user", "content": content}


def assembled(payload, *, directive="", mode="system_first", blocks=()):
    view = MESSAGES.view(payload)
    before = copy.deepcopy(payload)
    messages = place(view["messages"], directive=directive, mode=mode, blocks=blocks, joins=True)
    rewritten = MESSAGES.rewritten(payload, view, messages)
    assert payload == before
    return rewritten


def test_memories_join_the_users_message_and_the_rest_is_the_callers_own():
    payload = asked(user("Hi"), {"role": "assistant", "content": "Hello."}, user("So?"), system="Be kind.", top_k=3)
    rewritten = assembled(payload, directive="Be brief.", blocks=[(3, "<memories/>")])
    assert rewritten == payload | {
        "system": "Be brief.\n\nBe kind.",
        "messages": [*payload["messages"][:2], user("<memories/>\n\nSo?")],
    }
    assert rewritten["messages"][0] is payload["messages"][0]


def test_a_directive_without_instructions_of_the_callers_becomes_them():
    assert assembled(asked(user("Hi")), directive="Be brief.") == asked(user("Hi"), system="Be brief.")


@pytest.mark.parametrize(
    ("mode", "change"),
    [
        ("system_append", {"system": [text("Be kind.") | {"cache_control": {"type": "ephemeral"}}, text("Be brief.")]}),
        ("system_first", {"system": [text("Be brief."), text("Be kind.") | {"cache_control": {"type": "ephemeral"}}]}),
    ],
)
def test_a_directive_stands_where_the_agent_wants_it(mode, change):
    payload = asked(user("Hi"), system=[text("Be kind.") | {"cache_control": {"type": "ephemeral"}}])
    assert assembled(payload, directive="Be brief.", mode=mode) == payload | change


def test_a_directive_may_join_the_first_message_of_the_user():
    rewritten = assembled(asked(user("Hi")), directive="Be brief.", mode="user_prepend")
    assert rewritten["messages"][0]["content"].endswith("Hi")
    assert "Be brief." in rewritten["messages"][0]["content"]
    assert "system" not in rewritten


def test_results_of_tools_stay_first_in_a_message_that_memories_join():
    mark = {"cache_control": {"type": "ephemeral"}}
    payload = asked(user("Look"), {"role": "assistant", "content": [CALL]}, user([RESULT, text("And?") | mark]))
    view = MESSAGES.view(payload)["messages"]
    assert [message["role"] for message in view] == ["user", "assistant", "tool", "user"]
    rewritten = assembled(payload, blocks=[(3, "<memories/>")])
    assert rewritten["messages"][-1] == user([RESULT, text("<memories/>"), text("And?") | mark])


def test_the_view_has_the_users_words_the_end_user_and_what_tools_said():
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    payload = asked(
        user([picture, text("Look")]),
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, text("I "), text("look."), CALL]},
        user([RESULT]),
        metadata={"user_id": "kim"},
    )
    view = MESSAGES.view(payload)
    call = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"at":"it"}'}}
    assert view["user"] == "kim"
    assert view["messages"] == [
        user([picture, text("Look")]),
        {"role": "assistant", "content": [text("I look.")], "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": [text("A cat.")]},
    ]


def test_a_history_that_holds_the_answer_is_known_by_its_fingerprint():
    answer = {"type": "message", "content": [text("Let "), text("me."), CALL], "stop_reason": "tool_use"}
    first = asked(user("Hi"))
    outcome = MESSAGES.outcome(orjson.dumps(answer))
    then = asked(user("Hi"), {"role": "assistant", "content": answer["content"]}, user([RESULT]))
    [known] = after_answer(MESSAGES.prints(first, MESSAGES.view(first)), outcome.text, outcome.tool_calls)
    assert MESSAGES.prints(then, MESSAGES.view(then)).candidates[0] == (known, 2)


def sse(*events):
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), orjson.dumps(e)) for e in events)


STREAM = sse(
    {"type": "message_start", "message": {"id": "m", "model": "claude-x", "usage": {"input_tokens": 3}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Héllo."}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
)


def test_a_stream_is_done_with_its_last_event_and_no_earlier():
    reader = MESSAGES.reader()
    for at in range(len(STREAM)):
        reader.feed(STREAM[at : at + 1])
    assert not reader.done
    reader.feed(sse({"type": "message_stop"}))
    assert reader.done
    outcome = reader.outcome()
    assert (outcome.text, outcome.model, outcome.is_complete) == ("Héllo.", "claude-x", True)
    assert outcome.usage == Usage(prompt_tokens=3, completion_tokens=2)


def test_a_stream_that_turns_into_an_error_is_no_whole_turn():
    reader = MESSAGES.reader()
    reader.feed(STREAM[:200] + b"\n\n" + sse({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}))
    assert reader.done
    assert not reader.outcome().is_complete


@given(st.binary(max_size=64), st.lists(st.integers(0, 200), max_size=4))
def test_no_bytes_hurt_a_reader(garbage, cuts):
    reader = MESSAGES.reader()
    for cut in cuts:
        reader.feed(STREAM[:cut] + garbage)
    reader.outcome()
    MESSAGES.outcome(garbage)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"model": None}, "model", "REQUIRED"),
        ({"max_tokens": None}, "max_tokens", "REQUIRED"),
        ({"max_tokens": SECRET}, "max_tokens", "INVALID_FORMAT"),
        ({"messages": []}, "messages", "REQUIRED"),
        ({"messages": [SECRET]}, "messages[0]", "INVALID_FORMAT"),
        ({"messages": [{"role": None}]}, "messages[0].role", "REQUIRED"),
        ({"messages": [user("x" * 102_401)]}, "messages[0].content", "TOO_LONG"),
        ({"system": 5}, "system", "INVALID_FORMAT"),
        ({"stream": SECRET}, "stream", "INVALID_FORMAT"),
    ],
)
def test_a_refused_field_is_named_with_its_code(change, field, code):
    with pytest.raises(InvalidRequest) as refused:
        MESSAGES.check(asked(user("Hi")) | change)
    assert [(error.field, error.code.value) for error in refused.value.field_errors] == [(field, code)]
    said = orjson.loads(error_body(orjson.dumps(refused.value.envelope("r-1")), 400))
    assert (said["type"], said["error"]["type"], said["request_id"]) == ("error", "invalid_request_error", "r-1")
    assert said["error"]["field_errors"][0]["field"] == field
    assert SECRET not in str(said)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "tool_result", "image"])},
    optional={"text": values, "content": values, "id": values, "input": values, "tool_use_id": values},
)
TURNS = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": values | st.lists(PARTS, max_size=3)}
)


@given(
    st.lists(TURNS, min_size=1, max_size=4), values, st.sampled_from(["system_first", "system_append", "user_prepend"])
)
def test_whatever_passes_the_check_can_be_seen_and_rewritten(messages, system, mode):
    payload = asked(*messages, system=system)
    try:
        MESSAGES.check(payload)
    except InvalidRequest:
        return
    view = MESSAGES.view(payload)
    MESSAGES.prints(payload, view)
    assert MESSAGES.rewritten(payload, view, view["messages"]) == payload
    last = len(view["messages"]) - 1
    assert "<memories/>" in str(assembled(payload, directive="Be brief.", mode=mode, blocks=[(last, "<memories/>")]))
