"""Anthropic's Messages API: behind OpenAI's two APIs by translation, and natively, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import orjson

from ibex.providers import client
from ibex.providers.anthropic_answer import ChunksOfEvents, completion_of, model_list_of
from ibex.providers.anthropic_request import messages_request
from ibex.providers.base import ProviderAnswer, ProviderCall, Upstream
from ibex.providers.errors import ProviderCutOff, ProviderRejected
from ibex.providers.responses_answer import ResponseEvents, response_of
from ibex.providers.responses_request import chat_of
from ibex.providers.sse import DONE, SseParser
from ibex.providers.translated import EVENT_STREAM, translated, translated_stream
from ibex.providers.untrusted import as_object, object_in

BASE_URL = "https://api.anthropic.com/v1"
"""Where a provider's row names no other."""
API_VERSION = "2023-06-01"
MESSAGES_PATH = "/messages"
CHAT_PATH = "/chat/completions"
MODELS_PATH = "/models"
MODELS_QUERY = "?limit=1000"
"""The most on one page; without it the list ends after 20."""
_CALLERS_HEADERS = ("anthropic-beta", "anthropic-version")
"""What a caller of the native API may decide."""


class AnthropicProvider:
    """Translates chat completions, responses and the list of models; forwards native messages as they are."""

    async def send(self, upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
        """See `Provider.send`. Raises ProviderRejected for what Anthropic has no counterpart of."""
        match call.path:
            case "/messages":
                return await _send(upstream, call, call.path, call.body)
            case "/chat/completions":
                return await _chat(upstream, call)
            case "/responses":
                return await _responses(upstream, call)
            case "/models":
                answer = await _send(upstream, call, MODELS_PATH + MODELS_QUERY, None)
                return await translated(answer, model_list_of)
        raise ProviderRejected(
            "This model's provider, Anthropic, serves /v1/chat/completions, /v1/responses and /v1/messages only. Call "
            "one of these, or name a model of another provider.",
            param="model",
        )


async def _chat(upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    chat = as_object(object_in(call.body or b""))
    answer = await _send(upstream, call, MESSAGES_PATH, orjson.dumps(messages_request(chat)))
    if chat.get("stream") is not True:
        return await translated(answer, completion_of)
    with_usage = as_object(chat.get("stream_options")).get("include_usage") is True

    def faced(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return _faced(chunks, ChunksOfEvents(with_usage=with_usage), say=_event, end=lambda: _event_of(DONE))

    return translated_stream(answer, faced)


async def _responses(upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    request = as_object(object_in(call.body or b""))
    is_stream = request.get("stream") is True
    chat = chat_of(request) | {"stream": is_stream}
    answer = await _send(upstream, call, MESSAGES_PATH, orjson.dumps(messages_request(chat)))
    if not is_stream:
        return await translated(answer, lambda message: response_of(completion_of(message), request))

    def faced(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        events = ResponseEvents(request)
        return _faced(
            chunks,
            ChunksOfEvents(with_usage=True),
            say=lambda chunk: _named_events(events.events(chunk)),
            end=lambda: _named_events(events.end()),
        )

    return translated_stream(answer, faced)


async def _send(upstream: Upstream, call: ProviderCall, path: str, body: bytes | None) -> ProviderAnswer:
    url = (upstream.base_url or BASE_URL).rstrip("/") + path
    return await client.send(call.method, url, headers=_headers(upstream, call), body=body, stream=call.stream)


def _headers(upstream: Upstream, call: ProviderCall) -> dict[str, str]:
    headers = {"accept": EVENT_STREAM if call.stream else "application/json", "anthropic-version": API_VERSION}
    if call.body is not None:
        headers["content-type"] = "application/json"
    headers |= {name.lower(): value for name, value in call.headers.items() if name.lower() in _CALLERS_HEADERS}
    key = upstream.api_key.get_secret_value().strip()
    if key:
        headers["x-api-key"] = key
    return headers


async def _faced(
    chunks: AsyncIterator[bytes],
    translation: ChunksOfEvents,
    *,
    say: Callable[[Mapping[str, Any]], bytes],
    end: Callable[[], bytes],
) -> AsyncIterator[bytes]:
    """OpenAI's events for Anthropic's, as they come: `say` writes a chat completion's chunk as one API has it, `end`
    what follows the last. Raises ProviderCutOff when the message's end never came.
    """
    parser = SseParser()
    async for piece in chunks:
        ended = translation.ended
        events = (object_in(payload) for payload in parser.feed(piece))
        said = b"".join(say(chunk) for event in events if event for chunk in translation.chunks(event))
        # After an error comes no end: nobody shall take the answer for a whole one.
        if translation.ended and not ended and not translation.failed:
            said += end()
        if said:
            yield said
    if not translation.ended:
        raise ProviderCutOff


def _event(chunk: Mapping[str, Any]) -> bytes:
    return _event_of(orjson.dumps(chunk))


def _event_of(payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"


def _named_events(events: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events)
