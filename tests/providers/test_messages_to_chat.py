"""Anthropic's messages behind a provider that speaks OpenAI's language: there and back again."""

from __future__ import annotations

import itertools
import random

import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ibex.providers.anthropic_answer import ChunksOfEvents, completion_of
from ibex.providers.anthropic_request import messages_request
from ibex.providers.base import ProviderCall
from ibex.providers.errors import ProviderCutOff, ProviderRejected
from ibex.providers.messages_answer import STOP_REASONS, EventsOfChunks, message_of
from ibex.providers.messages_request import chat_request
from ibex.providers.openai import OpenAIProvider
from ibex.providers.sse import ChatAccumulator, SseParser, completion_from_json

PNG = "iVBORw0KGgo="
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sun."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "And here?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            ],
        },
    ],
    "max_tokens": 9,
    "temperature": 0.5,
    "top_p": 0.5,
    "stop": ["END"],
    "user": "kim",
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [
        {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}
    ],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
}


def test_a_request_survives_both_translations():
    assert chat_request(messages_request(CHAT)) == CHAT


def test_what_only_anthropic_has_is_left_out():
    mark = {"cache_control": {"type": "ephemeral"}}
    request = {
        "model": "m",
        "max_tokens": 9,
        "top_k": 5,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "system": [{"type": "text", "text": "Be brief."} | mark],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"} | mark]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Ho"}]},
        ],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    }
    assert chat_request(request, limit_name="max_completion_tokens") == {
        "model": "m",
        "max_completion_tokens": 9,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho"},
        ],
    }


def test_a_picture_that_a_tool_returned_is_shown_by_the_user():
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "See."}, picture]}
    tool, user = chat_request({"messages": [{"role": "user", "content": [result]}]})["messages"]
    assert tool == {"role": "tool", "tool_call_id": "t", "content": "See."}
    assert user["content"][0]["image_url"]["url"].endswith(PNG)


def test_content_without_a_counterpart_is_refused_rather_than_dropped():
    with pytest.raises(ProviderRejected) as refused:
        chat_request({"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]})
    assert refused.value.status == 400


COMPLETION = {
    "id": "c",
    "model": "gpt-x",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL, CALL | {"id": "c2"}]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 19, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}},
}


def chunk(delta, finish=None, **more):
    return {"id": "c", "model": "gpt-x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def called(index, arguments, **more):
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}, **more}]}


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Let me "}),
    chunk({"content": "look."}),
    chunk({"tool_calls": [CALL | {"index": 0, "function": {"name": "weather", "arguments": ""}}]}),
    chunk(called(0, '{"city":')),
    chunk(called(0, '"Rome"}')),
    chunk({"tool_calls": [CALL | {"index": 1, "id": "c2"}]}),
    chunk({}, "tool_calls"),
    {"id": "c", "model": "gpt-x", "choices": [], "usage": COMPLETION["usage"]},
]


def sse(chunks, end=b"data: [DONE]\n\n"):
    return b"".join(b"data: " + orjson.dumps(c) + b"\n\n" for c in chunks) + end


async def streamed(double, body, cuts=()):
    double.streams([body[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), len(body)]) if a < b])
    request = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    call = ProviderCall(path="/messages", body=orjson.dumps(request), stream=True)
    answer = await OpenAIProvider().send(double.upstream, call)
    return [orjson.loads(payload) for payload in SseParser().feed(await answer.read())]


def test_an_answer_survives_both_translations():
    back = completion_of(message_of(COMPLETION))
    assert completion_from_json(orjson.dumps(back)) == completion_from_json(orjson.dumps(COMPLETION))


async def test_a_stream_comes_to_the_same_wherever_it_is_cut(double):
    dice = random.Random(7)
    body = sse(CHUNKS)
    for _ in range(20):
        events = await streamed(double, body, dice.sample(range(len(body)), 12))
        kinds = [event["type"] for event in events]
        assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
        assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3
        translation, accumulator = ChunksOfEvents(with_usage=True), ChatAccumulator()
        for event in events:
            accumulator.feed(sse(translation.chunks(event), end=b""))
        assert accumulator.outcome() == completion_from_json(orjson.dumps(COMPLETION))
    assert double.seen[0].path == "/v1/chat/completions"


async def test_a_provider_without_a_done_is_understood_and_one_that_breaks_off_is_not(double):
    assert (await streamed(double, sse(CHUNKS, end=b"")))[-1]["type"] == "message_stop"
    with pytest.raises(ProviderCutOff):
        await streamed(double, sse(CHUNKS[:4], end=b""))


async def test_an_error_in_the_stream_is_its_last_event(double):
    events = await streamed(double, sse([*CHUNKS[:2], {"error": {"message": "No."}}]))
    assert events[-1] == {"type": "error", "error": {"type": "api_error", "message": "No."}}


async def test_errors_are_handed_over_as_they_came(double):
    async def answer(_request):
        return web.json_response({"error": {"message": "No.", "code": "x"}}, status=422)

    double.answer = answer
    found = await OpenAIProvider().send(double.upstream, ProviderCall(path="/messages", body=b"{}"))
    assert (found.status, orjson.loads(await found.read())["error"]["message"]) == (422, "No.")


@pytest.mark.parametrize(("finish", "stop"), [*STOP_REASONS.items(), ("a_new_one", "end_turn"), (None, None)])
def test_each_way_to_end_has_its_word(finish, stop):
    assert message_of({"choices": [{"finish_reason": finish}]})["stop_reason"] == stop


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
GARBAGE = st.dictionaries(st.sampled_from(["id", "choices", "usage", "error"]), values | st.just([{"delta": None}]))
DELTAS = st.dictionaries(st.sampled_from(["content", "tool_calls", "refusal"]), values | st.just([{"function": 5}]))


@given(st.lists(GARBAGE | DELTAS.map(chunk) | st.sampled_from(CHUNKS), max_size=8))
def test_garbage_raises_nothing(chunks):
    translation = EventsOfChunks()
    for each in chunks:
        list(translation.events(each))
        message_of(each)
    list(translation.end())


@given(
    st.dictionaries(st.sampled_from(["system", "tools", "tool_choice", "metadata", "stop_sequences"]), values), values
)
def test_whatever_is_asked_is_translated_or_refused_in_so_many_words(options, content):
    request = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}], **options}
    try:
        assert isinstance(chat_request(request)["model"], str)
    except ProviderRejected:
        return
