"""Any provider that speaks OpenAI's HTTP API: OpenAI itself, and vLLM, Ollama, Mistral, OpenRouter and the like."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from ibex.providers import client
from ibex.providers.base import ProviderAnswer, ProviderCall, Upstream
from ibex.providers.errors import ProviderCutOff
from ibex.providers.messages_answer import EventsOfChunks, message_of
from ibex.providers.messages_request import chat_request
from ibex.providers.sse import DONE, SseParser
from ibex.providers.translated import translated, translated_stream
from ibex.providers.untrusted import as_object, object_in

OPENAI_HOST = "api.openai.com"

_NEVER_FORWARDED = frozenset(
    {
        # the caller's credentials are for IBEX
        "authorization", "proxy-authorization", "cookie", "api-key", "x-api-key",
        # of the caller's own connection (RFC 9110, section 7.6.1), or set by the client
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_IBEX_PREFIX = "x-ibex-"


class OpenAIProvider:
    """Sends the caller's bytes to `base_url + path` with the provider's own key."""

    async def send(self, upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
        """See `Provider.send`. Anthropic's messages are translated; raises ProviderRejected for what cannot be."""
        if call.path == "/messages":
            return await _messages(upstream, call)
        return await _send(upstream, call)


async def _send(upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    url = upstream.base_url.rstrip("/") + call.path
    return await client.send(call.method, url, headers=_headers(upstream, call), body=call.body, stream=call.stream)


async def _messages(upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    # OpenAI's newer models refuse the name that all its likes know.
    limit_name = "max_completion_tokens" if OPENAI_HOST in upstream.base_url else "max_tokens"
    request = chat_request(as_object(object_in(call.body or b"")), limit_name=limit_name)
    answer = await _send(upstream, replace(call, path="/chat/completions", body=orjson.dumps(request)))
    if request.get("stream") is not True:
        return await translated(answer, message_of)
    return translated_stream(answer, _events)


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Anthropic's events for OpenAI's chunks, as they come. Raises ProviderCutOff when the end never came."""
    parser, translation = SseParser(), EventsOfChunks()
    async for piece in chunks:
        for payload in parser.feed(piece):
            said = translation.end() if payload == DONE else translation.events(object_in(payload) or {})
            if events := b"".join(_event(event) for event in said):
                yield events
    if translation.is_finished and not translation.ended:  # some leave the [DONE] out
        yield b"".join(_event(event) for event in translation.end())
    if not translation.ended:
        raise ProviderCutOff


def _event(event: Mapping[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))


def _headers(upstream: Upstream, call: ProviderCall) -> dict[str, str]:
    headers = {"accept": "text/event-stream" if call.stream else "application/json"}
    if call.body is not None:
        headers["content-type"] = "application/json"
    for name, value in call.headers.items():
        lowered = name.lower()
        if lowered not in _NEVER_FORWARDED and not lowered.startswith(_IBEX_PREFIX):
            headers[lowered] = value
    key = upstream.api_key.get_secret_value().strip()
    if key:
        headers["authorization"] = f"Bearer {key}"
    return headers
