"""OpenAI's Responses API: items instead of messages, and conversations that go on by an id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ibex.core.errors import FieldError
from ibex.providers.sse import ChatOutcome, OutcomeBuilder
from ibex.providers.untrusted import as_list, as_object, as_text, object_in, objects
from proxy.conversation import Fingerprint, fingerprint
from proxy.dialects.base import EventReader, Payload, Reader, added_to, thread_print
from proxy.schema import (
    MAX_COMPLETION_TOKENS,
    MAX_TEMPERATURE,
    check_model,
    message_errors,
    messages_errors,
    number_error,
    refuse,
    stream_error,
    text_error,
)

_LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_WITHOUT_INPUT = ("previous_response_id", "conversation", "prompt")
"""With one of these there may be nothing new to say."""
_FINISHED = {"completed": "stop", "incomplete": "length"}
_CALLS = frozenset({"function_call", "custom_tool_call"})


class Responses:
    """POST /v1/responses."""

    endpoint = "responses"
    path = "/responses"
    joins_blocks = False

    def check(self, payload: Payload) -> None:
        """See `Dialect`."""
        refuse(_errors(payload))

    def view(self, payload: Payload) -> Payload:
        """See `Dialect`."""
        return {**payload, "messages": [span.message for span in _spans(payload)]}

    def prints(self, payload: Payload, view: Payload) -> Fingerprint:
        """By the id of what it continues, else by the history that it sends."""
        conversation = payload.get("conversation")
        named = as_text(payload.get("previous_response_id")) or as_text(conversation) or _id_of(conversation)
        if not named:
            return fingerprint(view["messages"])
        thread = thread_print(named)
        return Fingerprint(candidates=((thread.hex(), 0),), whole=thread)

    def rewritten(self, payload: Payload, view: Payload, messages: Sequence[Any]) -> Payload:
        """See `Dialect`. `instructions` stay as they are: what was added to them becomes an item."""
        added = added_to(view["messages"], messages)
        own = _items(payload.get("input"))
        items: list[Any] = []
        for index, span in enumerate(_spans(payload)):
            items += added.alone.get(index, [])
            before, after = added.before.get(index, []), added.after.get(index, [])
            if not before and not after:
                items += own[span.start : span.end]
            elif span.is_message:
                items.append(_with_texts(own[span.start], before, after))
            else:
                items += [{"role": "developer", "content": text} for text in [*before, *after]]
                items += own[span.start : span.end]
        items += added.alone.get(len(view["messages"]), [])
        return {**payload, "input": items}

    def reader(self) -> Reader:
        """See `Dialect`."""
        return EventReader(
            _chunks_of, last=_LAST_EVENTS, names_of=lambda event: _names(as_object(event.get("response")))
        )

    def outcome(self, body: bytes) -> ChatOutcome:
        """See `Dialect`."""
        response = object_in(body) or {}
        items = objects(response.get("output"))
        said = {
            "content": "".join(_text_of(item) for item in items),
            "tool_calls": [_tool_call(item) for item in items if as_text(item.get("type")) in _CALLS],
        }
        builder = OutcomeBuilder(names=_names(response), ended=as_text(response.get("status")) in _FINISHED)
        builder.take(_end_of(response, message=said), said_in="message")
        return builder.outcome()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """Items of the input that are one message of a chat: `input[start:end]`; none of them for the instructions."""

    start: int
    end: int
    message: dict[str, Any]
    is_message: bool
    """It is one item that has a role and a content."""


def _errors(payload: Payload) -> Iterator[FieldError]:
    yield from check_model(payload)
    given = payload.get("input")
    if isinstance(given, str):
        yield from message_errors("input", {"role": "user", "content": given})
    elif given is not None or not any(payload.get(name) for name in _WITHOUT_INPUT):
        yield from messages_errors(given, name="input", needs_role=False)
        for index, item in enumerate(as_list(given)):
            yield from text_error(f"input[{index}].output", as_object(item).get("output"))
    yield from text_error("instructions", payload.get("instructions"))
    yield from number_error(payload, "temperature", 0, MAX_TEMPERATURE, whole=False)
    yield from number_error(payload, "max_output_tokens", 1, MAX_COMPLETION_TOKENS, whole=True)
    yield from stream_error(payload)


def _items(given: Any) -> list[Any]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return given if isinstance(given, list) else []


def _spans(payload: Payload) -> list[_Span]:
    """The input as messages. What the model said and called in one go is one of them, as it is remembered."""
    spans: list[_Span] = []
    if instructions := as_text(payload.get("instructions")):
        message = {"role": "system", "content": [{"type": "text", "text": instructions}]}
        spans.append(_Span(start=0, end=0, message=message, is_message=False))
    for at, item in enumerate(_items(payload.get("input"))):
        message = _message_of(item)
        goes_on = spans and message["role"] == spans[-1].message["role"] == "assistant"
        if goes_on:
            last = spans.pop()
            joined = _joined(last.message, message)
            spans.append(_Span(start=last.start, end=at + 1, message=joined, is_message=False))
        else:
            spans.append(_Span(start=at, end=at + 1, message=message, is_message="role" in item))
    return spans


def _message_of(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = as_text(item.get("type"))
    if "role" in item:
        assistant = item["role"] == "assistant"
        text = _text_of(item)
        parts = ([{"type": "text", "text": text}] if text else []) if assistant else _parts(item.get("content"))
        return {"role": item["role"], "content": parts}
    if kind.endswith("_output"):
        return {"role": "tool", "tool_call_id": as_text(item.get("call_id")), "content": _parts(item.get("output"))}
    # All other items are the model's: reasoning, searches, calls.
    calls = {"tool_calls": [_tool_call(item)]} if kind in _CALLS else {}
    return {"role": "assistant", "content": [], **calls}


def _joined(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    text = "".join(part["text"] for part in [*first["content"], *then["content"]])
    calls = [*first.get("tool_calls", []), *then.get("tool_calls", [])]
    content = [{"type": "text", "text": text}] if text else []
    return {"role": "assistant", "content": content} | ({"tool_calls": calls} if calls else {})


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [{"type": "text", "text": part["text"]} if _is_text(part) else part for part in objects(content)]


def _is_text(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("text"), str)


def _text_of(item: Mapping[str, Any]) -> str:
    """What a message item says; of other items, nothing."""
    content = item.get("content") if "role" in item else None
    if isinstance(content, str):
        return content
    return "".join(as_text(part.get("text")) or as_text(part.get("refusal")) for part in objects(content))


def _tool_call(item: Mapping[str, Any]) -> dict[str, Any]:
    arguments = as_text(item.get("arguments")) or as_text(item.get("input"))
    function = {"name": as_text(item.get("name")), "arguments": arguments}
    return {"id": as_text(item.get("call_id")), "type": "function", "function": function}


def _with_texts(item: Mapping[str, Any], before: Sequence[str], after: Sequence[str]) -> dict[str, Any]:
    content = item.get("content")
    if not isinstance(content, list):
        return {**item, "content": "\n\n".join([*before, *([content] if content else []), *after])}
    first, last = ([{"type": "input_text", "text": text} for text in texts] for texts in (before, after))
    return {**item, "content": [*first, *content, *last]}


def _chunks_of(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    match event.get("type"):
        case "response.output_text.delta" | "response.refusal.delta":
            yield {"choices": [{"delta": {"content": event.get("delta")}}]}
        case "response.output_item.done":
            item = as_object(event.get("item"))
            if as_text(item.get("type")) in _CALLS:
                yield {"choices": [{"delta": {"tool_calls": [_tool_call(item)]}}]}
        case "response.completed" | "response.incomplete" | "response.failed":
            yield _end_of(as_object(event.get("response")))
        case "error":
            yield {"error": True}


def _end_of(response: Mapping[str, Any], *, message: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a response says of itself, as a chat completion says it."""
    usage = as_object(response.get("usage"))
    status = as_text(response.get("status"))
    return {
        "model": response.get("model"),
        "usage": {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")},
        "choices": [{"finish_reason": _FINISHED.get(status), "message": message}],
        "error": response.get("error") or status == "failed",
    }


def _names(response: Mapping[str, Any]) -> tuple[str, ...]:
    names = (_id_of(response), _id_of(response.get("conversation")))
    return tuple(name for name in names if name)


def _id_of(value: Any) -> str:
    return as_text(as_object(value).get("id"))
