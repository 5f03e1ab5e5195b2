"""Anthropic behind OpenAI's face, against a server that speaks Anthropic's language."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ibex.providers.anthropic import AnthropicProvider
from ibex.providers.anthropic_answer import FINISH_REASONS, ChunksOfEvents, completion_of
from ibex.providers.base import ProviderCall, Usage
from ibex.providers.errors import ProviderCutOff, ProviderRejected, provider_error
from ibex.providers.sse import ChatAccumulator, SseParser, completion_from_json

USAGE = {"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 7}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Let me "},
        {"type": "text", "text": "look."},
        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}},
        {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
    "usage": USAGE,
}
CALLS = (
    {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
    {"id": "t2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
)


def begun(index, block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, kind, **said):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **said}}


EVENTS = [
    {"type": "message_start", "message": MESSAGE | {"content": [], "usage": USAGE | {"output_tokens": 1}}},
    begun(0, {"type": "thinking", "thinking": ""}),
    delta(0, "thinking_delta", thinking="hm"),
    {"type": "content_block_stop", "index": 0},
    {"type": "ping"},
    begun(1, {"type": "text", "text": ""}),
    delta(1, "text_delta", text="Let me "),
    delta(1, "text_delta", text="look."),
    {"type": "content_block_stop", "index": 1},
    begun(2, {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}),
    delta(2, "input_json_delta", partial_json=""),
    delta(2, "input_json_delta", partial_json='{"city":'),
    delta(2, "input_json_delta", partial_json='"Rome"}'),
    {"type": "content_block_stop", "index": 2},
    begun(3, {"type": "tool_use", "id": "t2", "name": "now", "input": {}}),
    delta(3, "input_json_delta", partial_json=""),
    {"type": "content_block_stop", "index": 3},
    {"type": "unknown_event"},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]


def sse(events):
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), orjson.dumps(e)) for e in events)


def chat(**options):
    body = {"model": "claude-x", "messages": [{"role": "user", "content": "Hi"}], **options}
    stream = options.get("stream", False)
    return ProviderCall(path="/chat/completions", body=orjson.dumps(body), stream=stream)


async def sent(double, call):
    return await AnthropicProvider().send(double.upstream, call)


async def streamed(double, body, cuts=(), **options):
    places = [0, *sorted(cuts), len(body)]
    double.streams([body[a:b] for a, b in itertools.pairwise(places) if a < b])
    answer = await sent(double, chat(stream=True, **options))
    return await answer.read()


async def test_it_asks_in_anthropics_words_with_the_operators_key(double):
    async def answer(_request):
        return web.json_response(MESSAGE)

    double.answer = answer
    found = await sent(
        double, replace(chat(), headers={"authorization": "Bearer ibex_pat_x", "x-api-key": "ibex_pat_x"})
    )
    [seen] = double.seen
    assert (seen.method, seen.path) == ("POST", "/v1/messages")
    assert seen.headers["x-api-key"] == "sk-of-the-operator"
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in seen.headers
    assert orjson.loads(seen.body)["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert found.headers["content-type"] == "application/json"
    outcome = completion_from_json(await found.read())
    assert (outcome.text, outcome.tool_calls, outcome.finish_reason) == ("Let me look.", CALLS, "tool_calls")
    assert outcome.usage == Usage(prompt_tokens=19, completion_tokens=7)
    assert outcome.is_complete


async def test_a_stream_says_the_same_as_the_whole_answer_wherever_it_is_cut(double):
    dice = random.Random(7)
    body = sse(EVENTS)
    expected = None
    for _ in range(20):
        received = await streamed(
            double, body, dice.sample(range(len(body)), 12), stream_options={"include_usage": True}
        )
        accumulator = ChatAccumulator()
        accumulator.feed(received)
        assert accumulator.done
        assert accumulator.outcome() == completion_from_json(orjson.dumps(completion_of(MESSAGE)))
        chunks = [orjson.loads(p) | {"created": 0} for p in SseParser().feed(received)[:-1]]
        expected = expected or chunks
        assert chunks == expected
    assert [c["choices"][0]["finish_reason"] for c in expected[:-1]][-1] == "tool_calls"
    assert expected[-1]["choices"] == []
    assert expected[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 4, "cache_write_tokens": 5}
    assert {c["id"] for c in expected} == {"msg_1"}


async def test_usage_is_streamed_only_to_who_asked_for_it(double):
    assert b'"usage"' not in await streamed(double, sse(EVENTS))


async def test_an_error_in_the_stream_is_one_for_the_sdk_and_no_whole_answer(double):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    received = await streamed(double, sse([*EVENTS[:7], error]))
    accumulator = ChatAccumulator()
    accumulator.feed(received)
    assert not accumulator.done
    assert not accumulator.outcome().is_complete
    assert accumulator.outcome().text == "Let me "
    said = orjson.loads(SseParser().feed(received)[-1])["error"]
    assert (said["type"], said["message"]) == ("overloaded_error", "Overloaded")


async def test_a_stream_that_ends_early_is_cut_off(double):
    with pytest.raises(ProviderCutOff):
        await streamed(double, sse(EVENTS[:-1]))


async def test_errors_are_handed_over_as_anthropic_says_them(double):
    async def answer(_request):
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        return web.json_response(error, status=529)

    double.answer = answer
    for options in ({}, {"stream": True}):
        found = await sent(double, chat(**options))
        assert provider_error(found.status, await found.read()).code == "PROVIDER_FAILED"


async def test_native_messages_pass_byte_for_byte_with_the_callers_betas(double):
    body, events = b'{"model": "claude-x",  "max_tokens": 1, "messages": []}', sse(EVENTS)
    double.streams([events[:100], events[100:]])
    headers = {"anthropic-beta": "files-api", "anthropic-version": "2024-01-01", "cookie": "c"}
    call = ProviderCall(path="/messages", body=body, headers=headers, stream=True)
    assert await (await sent(double, call)).read() == events
    [seen] = double.seen
    assert seen.body == body
    assert (seen.headers["anthropic-beta"], seen.headers["anthropic-version"]) == ("files-api", "2024-01-01")
    assert "cookie" not in seen.headers


async def test_models_are_listed_in_openais_shape(double):
    async def answer(_request):
        model = {"type": "model", "id": "claude-x", "display_name": "Claude X", "created_at": "2025-02-19T00:00:00Z"}
        return web.json_response({"data": [model, {"id": 5}], "has_more": False})

    double.answer = answer
    listed = orjson.loads(await (await sent(double, ProviderCall(path="/models", method="GET"))).read())
    model = {"id": "claude-x", "object": "model", "created": 1739923200, "owned_by": "anthropic"}
    assert listed == {"object": "list", "data": [model]}


async def test_what_anthropic_does_not_serve_is_refused_with_a_way_out(double):
    with pytest.raises(ProviderRejected) as refused:
        await sent(double, ProviderCall(path="/embeddings", body=b"{}"))
    assert "another provider" in refused.value.message
    assert double.seen == []


@pytest.mark.parametrize(("reason", "finish"), [*FINISH_REASONS.items(), ("a_new_one", "stop"), (None, None)])
def test_each_way_to_end_has_its_word(reason, finish):
    assert completion_of({"stop_reason": reason})["choices"][0]["finish_reason"] == finish


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
GARBAGE = st.fixed_dictionaries(
    {"type": st.sampled_from([e["type"] for e in EVENTS]) | json_values},
    optional=dict.fromkeys(("message", "index", "content_block", "delta", "usage", "error"), json_values),
)


@given(st.lists(GARBAGE | st.sampled_from(EVENTS), max_size=8), json_values)
def test_garbage_raises_nothing(events, value):
    translation = ChunksOfEvents(with_usage=True)
    for event in events:
        list(translation.chunks(event))
    completion_of({"content": value, "usage": value, "stop_reason": value})
