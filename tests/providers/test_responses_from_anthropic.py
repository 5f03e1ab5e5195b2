"""Responses answered by Anthropic, against a server that speaks its language; read with OpenAI's own types."""

from __future__ import annotations

import itertools
import random

import orjson
import pytest
from aiohttp import web
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from ibex.providers.anthropic import AnthropicProvider
from ibex.providers.base import ProviderCall
from ibex.providers.errors import ProviderCutOff, ProviderRejected, provider_error
from ibex.providers.sse import SseParser
from tests.providers.test_anthropic_provider import EVENTS, MESSAGE, begun, delta, sse

EVENT = TypeAdapter(ResponseStreamEvent)


def responses(**options):
    body = {"model": "claude-x", "input": "Hi", **options}
    return ProviderCall(path="/responses", body=orjson.dumps(body), stream=options.get("stream", False))


async def sent(double, call):
    return await AnthropicProvider().send(double.upstream, call)


async def whole(double, message, **options):
    async def answer(_request):
        return web.json_response(message)

    double.answer = answer
    said = orjson.loads(await (await sent(double, responses(**options))).read())
    return Response.model_validate(said, strict=True)


async def streamed(double, events, cuts=(), **options):
    body = sse(events)
    places = [0, *sorted(cuts), len(body)]
    double.streams([body[a:b] for a, b in itertools.pairwise(places) if a < b])
    answer = await sent(double, responses(stream=True, **options))
    assert answer.headers["content-type"] == "text/event-stream"
    received = await answer.read()
    payloads = [orjson.loads(payload) for payload in SseParser().feed(received)]
    assert received == b"".join(b"event: %s\ndata: %s\n\n" % (p["type"].encode(), orjson.dumps(p)) for p in payloads)
    return [EVENT.validate_python(payload) for payload in payloads]


async def test_a_message_is_a_response(double):
    tools = [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}]
    found = await whole(double, MESSAGE, instructions="Be kind.", tools=tools, metadata={"a": "b"})
    assert double.seen[0].path == "/v1/messages"
    assert (found.id, found.status, found.model) == ("resp_1", "completed", "claude-x")
    assert found.output_text == "Let me look."
    calls = [(item.call_id, item.name, item.arguments) for item in found.output[1:]]
    assert calls == [("t1", "weather", '{"city":"Rome"}'), ("t2", "now", "{}")]
    assert (found.usage.input_tokens, found.usage.output_tokens) == (19, 7)
    details = found.usage.input_tokens_details
    assert (details.cached_tokens, details.cache_write_tokens) == (4, 5)
    assert (found.instructions, found.tools[0].name, found.metadata) == ("Be kind.", "weather", {"a": "b"})


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("end_turn", "completed", None),
        ("max_tokens", "incomplete", "max_output_tokens"),
        ("refusal", "incomplete", "content_filter"),
    ],
)
async def test_a_response_says_whether_it_came_to_its_end(double, reason, status, why):
    found = await whole(double, MESSAGE | {"stop_reason": reason})
    assert (found.status, found.incomplete_details and found.incomplete_details.reason) == (status, why)
    events = await streamed(
        double, [*EVENTS[:-2], {"type": "message_delta", "delta": {"stop_reason": reason}}, EVENTS[-1]]
    )
    assert events[-1].type == f"response.{status}"
    assert events[-1].response.incomplete_details == found.incomplete_details


async def test_a_stream_says_the_same_as_the_whole_response_wherever_it_is_cut(double):
    dice = random.Random(5)
    expected = await whole(double, MESSAGE)
    for _ in range(20):
        events = await streamed(double, EVENTS, dice.sample(range(len(sse(EVENTS))), 12))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        last = events[-1]
        assert last.type == "response.completed"
        assert last.response.model_copy(update={"created_at": 0}) == expected.model_copy(update={"created_at": 0})
        done = [event.item for event in events if event.type == "response.output_item.done"]
        assert done == expected.output


async def test_every_item_of_a_stream_is_opened_filled_and_closed_before_the_next(double):
    kinds = [event.type.removeprefix("response.") for event in await streamed(double, EVENTS)]
    text = ["output_item.added", "content_part.added", "output_text.delta", "output_text.delta"]
    text += ["output_text.done", "content_part.done", "output_item.done"]
    call = ["output_item.added", *["function_call_arguments.delta"] * 2, "function_call_arguments.done"]
    empty = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done"]
    ends = ["output_item.done"]
    assert kinds == ["created", "in_progress", *text, *call, *ends, *empty, *ends, "completed"]


async def test_words_after_a_call_are_an_item_of_their_own(double):
    events = [*EVENTS[:-2], begun(4, {"type": "text", "text": ""}), delta(4, "text_delta", text="Wait."), *EVENTS[-2:]]
    last = (await streamed(double, events))[-1].response
    assert [item.type for item in last.output] == ["message", "function_call", "function_call", "message"]
    assert len({item.id for item in last.output}) == 4


@pytest.mark.parametrize("seen", [0, 7])
async def test_an_error_in_the_stream_is_a_failed_response(double, seen):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    events = await streamed(double, [*EVENTS[:seen], error])
    assert [event.type for event in events][-1] == "response.failed"
    failed = events[-1].response
    assert (failed.status, failed.error.code, failed.error.message) == ("failed", "server_error", "Overloaded")


async def test_a_stream_that_ends_early_is_cut_off(double):
    with pytest.raises(ProviderCutOff):
        await streamed(double, EVENTS[:-1])


async def test_errors_are_handed_over_as_anthropic_says_them(double):
    async def answer(_request):
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}
        return web.json_response(error, status=400)

    double.answer = answer
    for stream in (False, True):
        found = await sent(double, responses(stream=stream))
        assert provider_error(found.status, await found.read()).code == "PROVIDER_REJECTED_REQUEST"


async def test_what_cannot_be_translated_is_never_sent(double):
    with pytest.raises(ProviderRejected):
        await sent(double, responses(previous_response_id="resp_1"))
    assert double.seen == []
