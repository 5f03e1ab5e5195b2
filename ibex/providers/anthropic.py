"""Anthropic's Messages API: behind OpenAI's chat completions by translation, and natively, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from ibex.providers import client
from ibex.providers.anthropic_answer import ChunksOfEvents, completion_of, model_list_of
from ibex.providers.anthropic_request import messages_request
from ibex.providers.base import ProviderAnswer, ProviderCall, Upstream
from ibex.providers.errors import ProviderCutOff, ProviderRejected
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
    """Translates chat completions and the list of models; forwards native messages as they are."""

    async def send(self, upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
        """See `Provider.send`. Raises ProviderRejected for what Anthropic has no counterpart of."""
        match call.path:
            case "/messages":
                return await _send(upstream, call, call.path, call.body)
            case "/chat/completions":
                return await _chat(upstream, call)
            case "/models":
                answer = await _send(upstream, call, MODELS_PATH + MODELS_QUERY, None)
                return await translated(answer, model_list_of)
        raise ProviderRejected(
            "This model's provider, Anthropic, serves /v1/chat/completions and /v1/messages only. Call one of these, "
            "or name a model of another provider.",
            param="model",
        )


async def _chat(upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    chat = as_object(object_in(call.body or b""))
    answer = await _send(upstream, call, MESSAGES_PATH, orjson.dumps(messages_request(chat)))
    if chat.get("stream") is not True:
        return await translated(answer, completion_of)
    with_usage = as_object(chat.get("stream_options")).get("include_usage") is True
    return translated_stream(answer, lambda chunks: _chunks(chunks, ChunksOfEvents(with_usage=with_usage)))


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


async def _chunks(chunks: AsyncIterator[bytes], translation: ChunksOfEvents) -> AsyncIterator[bytes]:
    """OpenAI's events for Anthropic's, as they come. Raises ProviderCutOff when the message's end never came."""
    parser = SseParser()
    async for piece in chunks:
        events = (object_in(payload) for payload in parser.feed(piece))
        ended = translation.ended
        said = b"".join(_event(chunk) for event in events if event for chunk in translation.chunks(event))
        # An error is the end without a [DONE]: nobody shall take the answer for a whole one.
        if translation.ended and not ended and not translation.failed:
            said += _event_of(DONE)
        if said:
            yield said
    if not translation.ended:
        raise ProviderCutOff


def _event(chunk: Mapping[str, Any]) -> bytes:
    return _event_of(orjson.dumps(chunk))


def _event_of(payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"
