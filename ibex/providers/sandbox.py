"""The provider that needs no provider: in this process, the same answer every time, and always saying what it is.

It speaks OpenAI's HTTP API (chat completions, responses, embeddings, models) and Anthropic's messages, so that
everything around it takes the usual way. Its "tokens" are words between white space, its embeddings are hashes without
meaning.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import re
import secrets
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from ibex.providers import sandbox_dialects as dialects
from ibex.providers.base import ProviderAnswer, ProviderCall, Upstream
from ibex.providers.sandbox_recall import reply_to, text_of

SANDBOX_MODEL = "ibex-sandbox"
EMBEDDING_DIMENSIONS = 384
MAX_EMBEDDING_INPUTS = 2048
"""As OpenAI's own limit."""
WORDS_PER_CHUNK = 3

_PIECE = re.compile(rf"(?:\S+\s*){{1,{WORDS_PER_CHUNK}}}")
_CREATED = 1_767_225_600
"""2026-01-01 UTC. A clock would make two equal calls differ."""
_FINGERPRINT = "ibex-sandbox"
_EMBEDDING_NOTE = "Sandbox: these vectors are hashes of the inputs. They carry no meaning."
_ID_CHARS = 24
_JSON = "application/json"
_EVENTS = "text/event-stream"


class SandboxProvider:
    """Answers in the shape of OpenAI's API, whatever the model's name."""

    async def send(self, upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
        """See `Provider.send`; never raises."""
        handler = _HANDLERS.get((call.method, call.path))
        if handler is None:
            return _error(404, "Sandbox: there is nothing at this address.", "not_found")
        body = call.body or b"{}"
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            return _error(400, "Sandbox: the body is not a JSON object.", "invalid_json")
        return handler(request, body)


def _chat(request: Mapping[str, Any], body: bytes) -> ProviderAnswer:
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        return _error(400, "Sandbox: `messages` must be a list with a message in it.", "invalid_messages")
    text, usage = _said(request, messages)
    head = {
        "id": f"chatcmpl-sandbox-{hashlib.sha256(body).hexdigest()[:_ID_CHARS]}",
        "created": _CREATED,
        "model": _model_of(request),
        "system_fingerprint": _FINGERPRINT,
    }
    if request.get("stream") is True:
        options = request.get("stream_options")
        with_usage = isinstance(options, dict) and options.get("include_usage") is True
        return _answer(200, _EVENTS, list(_chat_events(head, text, usage if with_usage else None)))
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _json_answer(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})


def _responses(request: Mapping[str, Any], body: bytes) -> ProviderAnswer:
    text, usage = _said(request, dialects.heard_in_responses(request))
    # Unlike the answer, its id is never the same twice: a caller continues its own conversation by it.
    response_id = f"resp_sandbox_{secrets.token_hex(_ID_CHARS // 2)}"
    whole = dialects.response(response_id, _CREATED, request, _model_of(request), {"text": text, "usage": usage})
    if request.get("stream") is True:
        return _answer(200, _EVENTS, list(dialects.response_events(whole, _PIECE.findall(text))))
    return _json_answer(200, whole)


def _messages(request: Mapping[str, Any], body: bytes) -> ProviderAnswer:
    text, usage = _said(request, dialects.heard_in_messages(request))
    message_id = f"msg_sandbox_{hashlib.sha256(body).hexdigest()[:_ID_CHARS]}"
    whole = dialects.message(message_id, _model_of(request), text, usage)
    if request.get("stream") is True:
        return _answer(200, _EVENTS, list(dialects.message_events(whole, _PIECE.findall(text))))
    return _json_answer(200, whole)


def _said(request: Mapping[str, Any], messages: Sequence[Any]) -> tuple[str, dict[str, int]]:
    """The reply to `messages`, and its usage."""
    text = _scripted_reply(request) or reply_to(messages)
    return text, _word_usage(sum(_word_count(text_of(message)) for message in messages), _word_count(text))


def _scripted_reply(request: Mapping[str, Any]) -> str:
    """What a recorded conversation answered: `manage.py replay` sends it along, so that the turn is kept as it was."""
    metadata = request.get("metadata")
    reply = metadata.get("sandbox_reply") if isinstance(metadata, dict) else None
    return reply if isinstance(reply, str) else ""


def _chat_events(head: Mapping[str, Any], text: str, usage: Mapping[str, int] | None) -> Iterator[bytes]:
    head = {**head, "object": "chat.completion.chunk", **({} if usage is None else {"usage": None})}
    pieces = _PIECE.findall(text)
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]})
    if usage is not None:
        yield _event({**head, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _embeddings(request: Mapping[str, Any], body: bytes) -> ProviderAnswer:
    inputs = _embedding_inputs(request.get("input"))
    if not inputs or len(inputs) > MAX_EMBEDDING_INPUTS:
        return _error(400, f"Sandbox: `input` must be a text or 1 to {MAX_EMBEDDING_INPUTS} of them.", "invalid_input")
    as_base64 = request.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(_unit_vector(text), as_base64=as_base64)}
        for index, text in enumerate(inputs)
    ]
    words = sum(_word_count(text) for text in inputs)
    usage = {"prompt_tokens": words, "total_tokens": words}
    return _json_answer(
        200, {"object": "list", "model": _model_of(request), "data": data, "usage": usage, "note": _EMBEDDING_NOTE}
    )


def _models(request: Mapping[str, Any], body: bytes) -> ProviderAnswer:
    model = {"id": SANDBOX_MODEL, "object": "model", "created": _CREATED, "owned_by": "ibex"}
    return _json_answer(200, {"object": "list", "data": [model]})


_HANDLERS: Mapping[tuple[str, str], Callable[[Mapping[str, Any], bytes], ProviderAnswer]] = MappingProxyType(
    {
        ("POST", "/chat/completions"): _chat,
        ("POST", "/responses"): _responses,
        ("POST", "/messages"): _messages,
        ("POST", "/embeddings"): _embeddings,
        ("GET", "/models"): _models,
    }
)


def _embedding_inputs(value: Any) -> list[str]:
    """The texts to embed; token numbers, which OpenAI takes as well, are hashed as they are written."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return []
    if value and all(isinstance(item, int) for item in value):
        return [_as_text(value)]
    return [_as_text(item) for item in value] if all(isinstance(item, str | list) for item in value) else []


def _as_text(item: str | list[Any]) -> str:
    return item if isinstance(item, str) else " ".join(str(token) for token in item)


def _unit_vector(text: str) -> list[float]:
    """EMBEDDING_DIMENSIONS numbers of length 1, from SHAKE-256 of the text."""
    digest = hashlib.shake_256(text.encode()).digest(EMBEDDING_DIMENSIONS * 2)
    numbers = struct.unpack(f"<{EMBEDDING_DIMENSIONS}h", digest)
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def _encoded(vector: Sequence[float], *, as_base64: bool) -> list[float] | str:
    if not as_base64:
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()  # little-endian float32, as OpenAI's


def _model_of(request: Mapping[str, Any]) -> str:
    model = request.get("model")
    return model if isinstance(model, str) and model else SANDBOX_MODEL


def _word_count(text: str) -> int:
    return len(text.split())


def _word_usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _error(status: int, message: str, code: str) -> ProviderAnswer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return _json_answer(status, {"error": error})


def _json_answer(status: int, value: Mapping[str, Any]) -> ProviderAnswer:
    return _answer(status, _JSON, [orjson.dumps(value)])


def _answer(status: int, content_type: str, pieces: list[bytes]) -> ProviderAnswer:
    chunks = _Chunks(pieces)
    headers = MappingProxyType({"content-type": content_type})
    return ProviderAnswer(status=status, headers=headers, chunks=chunks, aclose=chunks.aclose)


class _Chunks(AsyncIterator[bytes]):
    """The pieces of an answer, one at a time, letting others run in between."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        try:
            return next(self._pieces)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self._pieces = iter(())
