"""OpenAI's responses: items seen as a chat, sent on as they came with nothing but the additions."""

from __future__ import annotations

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.place import place
from ibex.core.errors import InvalidRequest
from ibex.providers.base import Usage
from ibex.providers.sse import MAX_EVENT_BYTES
from proxy.conversation import after_answer
from proxy.dialects.base import thread_print
from proxy.dialects.responses import Responses

RESPONSES = Responses()
MODES = ["system_first", "system_append", "user_prepend"]
BLOCK = {"role": "system", "content": "<memories/>"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": '{"at":"it"}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "A cat."}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}],
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-x",
    "output": [THOUGHT, SAID, CALL],
    "conversation": {"id": "conv_1"},
    "error": None,
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}
TOOL_CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":"it"}'}}


def user(content):
    return {"role": "user", "content": content}


def asked(given=None, **more):
    return {"model": "gpt-x", "input": given, **more} if given is not None else {"model": "gpt-x", **more}


def assembled(payload, *, directive="", mode="system_first", blocks=(), joins=False):
    view, before = RESPONSES.view(payload), copy.deepcopy(payload)
    messages = place(view["messages"], directive=directive, mode=mode, blocks=blocks, joins=joins)
    rewritten = RESPONSES.rewritten(payload, view, messages)
    assert payload == before
    return rewritten


def test_memories_are_an_item_before_the_users_and_the_rest_is_the_callers_own():
    items = [user("Hi"), THOUGHT, SAID, CALL, RESULT, user([{"type": "input_text", "text": "So?"}])]
    payload = asked(items, store=False)
    at = len(RESPONSES.view(payload)["messages"]) - 1
    rewritten = assembled(payload, directive="Be brief.", blocks=[(at, "<memories/>")])
    directive = {"role": "system", "content": "Be brief."}
    assert rewritten == payload | {"input": [directive, *items[:-1], BLOCK, items[-1]]}
    assert all(any(item is own for own in items) for item in rewritten["input"][1:6])


def test_a_text_becomes_an_item_when_there_is_something_to_put_before_it():
    assert assembled(asked("Hi"), blocks=[(0, "<memories/>")])["input"] == [BLOCK, user("Hi")]


@pytest.mark.parametrize("mode", ["system_first", "system_append"])
def test_the_callers_instructions_are_never_touched(mode):
    rewritten = assembled(asked("Hi", instructions="Be kind."), directive="Be brief.", mode=mode)
    assert rewritten["instructions"] == "Be kind."
    assert [item["content"] for item in rewritten["input"]] == ["Be brief.", "Hi"]


def test_texts_may_join_a_message_in_the_shape_it_has():
    parts = [{"type": "input_text", "text": "Hi"}]
    memory = {"type": "input_text", "text": "<memories/>"}
    assert assembled(asked([user("Hi")]), blocks=[(0, "<memories/>")], joins=True)["input"] == [
        user("<memories/>\n\nHi")
    ]
    assert assembled(asked([user(parts)]), blocks=[(0, "<memories/>")], joins=True)["input"] == [user([memory, *parts])]


def test_a_call_with_nothing_new_to_say_still_gets_its_directive():
    rewritten = assembled(asked(previous_response_id="resp_1"), directive="Be brief.")
    assert rewritten["input"] == [{"role": "system", "content": "Be brief."}]


def test_what_the_model_did_in_one_go_is_one_message_as_its_outcome_is():
    outcome = RESPONSES.outcome(orjson.dumps(RESPONSE))
    assert (outcome.text, outcome.tool_calls, outcome.is_complete) == ("Let me look.", (TOOL_CALL,), True)
    assert outcome.usage == Usage(prompt_tokens=3, completion_tokens=2)
    assert outcome.names == ("resp_1", "conv_1")
    first, then = asked("Hi"), asked([user("Hi"), *RESPONSE["output"], RESULT])
    [known] = after_answer(RESPONSES.prints(first, RESPONSES.view(first)), outcome.text, outcome.tool_calls)
    assert RESPONSES.prints(then, RESPONSES.view(then)).candidates[0] == (known, 2)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"previous_response_id": "resp_1"}, "resp_1"),
        ({"conversation": "conv_1"}, "conv_1"),
        ({"conversation": {"id": "conv_1"}}, "conv_1"),
    ],
)
def test_what_is_continued_by_an_id_is_found_by_it(more, name):
    payload = asked("So?", **more)
    assert RESPONSES.prints(payload, RESPONSES.view(payload)).candidates == ((thread_print(name).hex(), 0),)


def sse(*events):
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), orjson.dumps(e)) for e in events)


STREAM = sse(
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
    {"type": "response.output_item.done", "item": THOUGHT},
    {"type": "response.output_text.delta", "delta": "Let me "},
    {"type": "response.output_text.delta", "delta": "look."},
    {"type": "response.output_item.done", "item": SAID},
    {"type": "response.some_new_event", "x": 1},
    {"type": "response.output_item.done", "item": CALL},
)


def test_a_stream_comes_to_the_same_as_the_whole_response_and_is_done_with_its_last_event():
    reader = RESPONSES.reader()
    for at in range(len(STREAM)):
        reader.feed(STREAM[at : at + 1])
    assert not reader.done
    assert not reader.outcome().is_complete
    reader.feed(sse({"type": "response.completed", "response": RESPONSE}))
    assert reader.done
    assert reader.outcome() == RESPONSES.outcome(orjson.dumps(RESPONSE))


def test_an_end_too_large_to_keep_is_still_the_end():
    reader = RESPONSES.reader()
    reader.feed(STREAM + b"event: response.completed\ndata: " + b"x" * MAX_EVENT_BYTES + b"\n\n")
    assert reader.done
    outcome = reader.outcome()
    assert (outcome.text, outcome.is_complete, outcome.truncated) == ("Let me look.", True, True)
    assert outcome.names == ("resp_1",)


@pytest.mark.parametrize("last", [{"type": "response.failed", "response": {"status": "failed"}}, {"type": "error"}])
def test_a_failure_ends_a_stream_that_is_no_whole_turn(last):
    reader = RESPONSES.reader()
    reader.feed(STREAM + sse(last))
    assert reader.done
    assert not reader.outcome().is_complete


@pytest.mark.parametrize("status", ["queued", "in_progress", "failed", "cancelled", None])
def test_a_response_that_is_not_finished_is_no_whole_turn(status):
    assert not RESPONSES.outcome(orjson.dumps(RESPONSE | {"status": status})).is_complete


@pytest.mark.parametrize(
    ("payload", "field", "code"),
    [
        (asked(), "input", "REQUIRED"),
        (asked([]), "input", "REQUIRED"),
        (asked(5), "input", "INVALID_FORMAT"),
        (asked("x" * 102_401), "input.content", "TOO_LONG"),
        (asked(["x"]), "input[0]", "INVALID_FORMAT"),
        (asked([{"role": None}]), "input[0].role", "REQUIRED"),
        (asked([user("x" * 102_401)]), "input[0].content", "TOO_LONG"),
        (asked([user("x")] * 1001), "input", "TOO_MANY"),
        (asked("Hi", max_output_tokens=0), "max_output_tokens", "INVALID_FORMAT"),
        (asked("Hi", temperature="hot"), "temperature", "INVALID_FORMAT"),
        (asked("Hi", stream=1), "stream", "INVALID_FORMAT"),
    ],
)
def test_a_refused_field_is_named_with_its_code(payload, field, code):
    with pytest.raises(InvalidRequest) as refused:
        RESPONSES.check(payload)
    assert [(error.field, error.code.value) for error in refused.value.field_errors] == [(field, code)]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
KINDS = st.sampled_from(["message", "function_call", "function_call_output", "reasoning", "item_reference", "new"])
ITEMS = st.fixed_dictionaries(
    {"type": KINDS | values},
    optional={
        "role": st.sampled_from(["user", "assistant", "developer"]) | values,
        **dict.fromkeys(("content", "output", "call_id", "name", "arguments", "input"), values),
    },
)


@given(
    st.lists(ITEMS, min_size=1, max_size=4), values, st.sampled_from(["system_first", "system_append", "user_prepend"])
)
def test_whatever_passes_the_check_can_be_seen_and_rewritten(items, instructions, mode):
    payload = asked(items, instructions=instructions)
    try:
        RESPONSES.check(payload)
    except InvalidRequest:
        return
    view = RESPONSES.view(payload)
    RESPONSES.prints(payload, view)
    assert RESPONSES.rewritten(payload, view, view["messages"])["input"] == items
    last = len(view["messages"]) - 1
    for joins in (False, True):
        blocks = [(last, "<memories/>")]
        rewritten = assembled(payload, directive="Be brief.", mode=mode, blocks=blocks, joins=joins)
        assert "<memories/>" in str(rewritten["input"])


@given(st.binary(max_size=64), st.lists(st.integers(0, 400), max_size=4), values)
def test_no_bytes_hurt_a_reader(garbage, cuts, value):
    reader = RESPONSES.reader()
    for cut in cuts:
        reader.feed(STREAM[:cut] + garbage)
    names = ("response", "item", "delta", "type")
    reader.feed(b"\n\n" + b"".join(b"data: %s\n\n" % orjson.dumps({name: value}) for name in names))
    for kind in ("response.completed", "response.output_item.done", "response.output_text.delta"):
        reader.feed(b"data: %s\n\n" % orjson.dumps({"type": kind, "response": value, "item": value, "delta": value}))
    reader.outcome()
    RESPONSES.outcome(orjson.dumps({"output": value, "usage": value, "status": value, "id": value}))
