"""Anthropic's Messages API: instructions on top, tool results in the user's messages, memories in the user's last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from ibex.core.errors import FieldCode, FieldError
from ibex.providers.anthropic_answer import ChunksOfEvents, completion_of
from ibex.providers.sse import ChatOutcome, OutcomeBuilder
from ibex.providers.untrusted import as_list, as_object, as_text, object_in, objects
from proxy.conversation import Fingerprint, fingerprint
from proxy.dialects.base import Added, EventReader, Payload, Reader, added_to
from proxy.schema import (
    MAX_COMPLETION_TOKENS,
    MAX_TEMPERATURE,
    check_model,
    content_errors,
    messages_errors,
    number_error,
    refuse,
    stream_error,
)

SYSTEM = -1
"""Where the top-level instructions stand among the messages."""
_LAST_EVENTS = frozenset({"message_stop", "error"})


class Messages:
    """POST /v1/messages."""

    endpoint = "messages"
    path = "/messages"
    joins_blocks = True

    def check(self, payload: Payload) -> None:
        """See `Dialect`."""
        refuse(_errors(payload))

    def view(self, payload: Payload) -> Payload:
        """See `Dialect`. `metadata.user_id` is what OpenAI calls `user`."""
        user = as_text(as_object(payload.get("metadata")).get("user_id"))
        messages = [message for _, message in _seen(payload)]
        return {**payload, "messages": messages} | ({"user": user} if user else {})

    def prints(self, payload: Payload, view: Payload) -> Fingerprint:
        """By the history that it sends."""
        return fingerprint(view["messages"])

    def rewritten(self, payload: Payload, view: Payload, messages: Sequence[Any]) -> Payload:
        """See `Dialect`."""
        added = added_to(view["messages"], messages)
        homes = [at for at, _ in _seen(payload)]
        changed = list(payload["messages"])
        for index in added.before.keys() | added.after.keys():
            at = homes[index]
            if at != SYSTEM:
                before, after = added.before.get(index, []), added.after.get(index, [])
                changed[at] = {**changed[at], "content": _with_texts(changed[at].get("content"), before, after)}
        rewritten = {**payload, "messages": changed}
        system = _system(payload.get("system"), homes, added)
        return {**rewritten, "system": system} if system else rewritten

    def reader(self) -> Reader:
        """See `Dialect`."""
        return EventReader(ChunksOfEvents(with_usage=True).chunks, last=_LAST_EVENTS)

    def outcome(self, body: bytes) -> ChatOutcome:
        """See `Dialect`."""
        message = object_in(body) or {}
        builder = OutcomeBuilder(ended=message.get("type") == "message")
        builder.take(completion_of(message), said_in="message")
        return builder.outcome()


def _errors(payload: Payload) -> Iterator[FieldError]:
    yield from check_model(payload)
    yield from messages_errors(payload.get("messages"))
    if payload.get("max_tokens") is None:
        yield FieldError("max_tokens", FieldCode.REQUIRED, "Say how many tokens the answer may have.")
    yield from number_error(payload, "max_tokens", 1, MAX_COMPLETION_TOKENS, whole=True)
    yield from number_error(payload, "temperature", 0, MAX_TEMPERATURE, whole=False)
    yield from content_errors("system", payload.get("system"))
    for index, message in enumerate(as_list(payload.get("messages"))):
        for part_index, part in enumerate(as_list(as_object(message).get("content"))):
            if as_object(part).get("type") == "tool_result":
                yield from content_errors(f"messages[{index}].content[{part_index}].content", part.get("content"))
    yield from stream_error(payload)


def _seen(payload: Payload) -> Iterator[tuple[int, dict[str, Any]]]:
    """The view's messages, each with the index of the caller's message that it is of."""
    if system := _parts(payload.get("system")):
        yield SYSTEM, {"role": "system", "content": system}
    for at, message in enumerate(payload["messages"]):
        for seen in _answer(message) if message.get("role") == "assistant" else _said(message):
            yield at, seen


def _answer(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """As the model's own turn is remembered: one text, and its calls."""
    choice = completion_of({"content": _parts(message.get("content"))})["choices"][0]["message"]
    text = choice["content"]
    calls = {"tool_calls": choice["tool_calls"]} if "tool_calls" in choice else {}
    yield {"role": "assistant", "content": [{"type": "text", "text": text}] if text else [], **calls}


def _said(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Results of tools, each a message of its own, and what the user says besides."""
    parts = _parts(message.get("content"))
    results = [part for part in parts if part.get("type") == "tool_result"]
    for result in results:
        called = as_text(result.get("tool_use_id"))
        yield {"role": "tool", "tool_call_id": called, "content": _parts(result.get("content"))}
    spoken = [part for part in parts if part.get("type") != "tool_result"]
    if spoken or not results:
        yield {"role": message.get("role"), "content": spoken}


def _parts(content: Any) -> list[dict[str, Any]]:
    """Parts without their marks for the cache, which move from turn to turn."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [{name: value for name, value in part.items() if name != "cache_control"} for part in objects(content)]


def _with_texts(content: Any, before: Sequence[str], after: Sequence[str]) -> str | list[Any]:
    """The content with more texts; results of tools stay first, as the API demands."""
    if not isinstance(content, list):
        return "\n\n".join([*before, *([content] if content else []), *after])
    ends = [i + 1 for i, part in enumerate(content) if as_object(part).get("type") == "tool_result"]
    start = max(ends, default=0)
    return [*content[:start], *_blocks(before), *content[start:], *_blocks(after)]


def _system(own: Any, homes: Sequence[int], added: Added) -> str | list[Any] | None:
    """The instructions with what was added to them; None when nothing was."""
    first = [as_text(message["content"]) for messages in added.alone.values() for message in messages]
    has_own = bool(homes) and homes[0] == SYSTEM
    before = [*first, *(added.before.get(0, []) if has_own else [])]
    after = added.after.get(0, []) if has_own else []
    return _with_texts(own, before, after) if before or after else None


def _blocks(texts: Sequence[str]) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def error_body(body: bytes, status: int) -> bytes:
    """An error in Anthropic's shape, with all that IBEX's own says beside it."""
    error = as_object(as_object(object_in(body)).get("error"))
    kind = _ERROR_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    said = {"type": "error", "error": {**error, "type": kind}, "request_id": error.get("request_id")}
    return orjson.dumps(said)


_ERROR_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
