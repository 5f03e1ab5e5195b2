"""Is this a chat completion? Checks what SPEC section 2 limits; all else is forwarded as it came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import orjson

from ibex.core.errors import FieldCode, FieldError, InvalidRequest

MAX_MESSAGES = 1_000
MAX_MESSAGE_BYTES = 100 * 1024
MAX_MODEL_CHARACTERS = 256
MAX_TEMPERATURE = 2
MAX_COMPLETION_TOKENS = 1_048_576
MAX_FIELD_ERRORS = 20
NESTING_LEFT = 8
"""Levels that the journal's entry wraps around what was sent; with them it must not be deeper than JSON that can be
written again, which is 254 levels of lists and objects (orjson)."""
_FLAT = 200
"""A body with fewer brackets cannot be that deep."""


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises InvalidRequest, which never repeats what was sent."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not valid JSON.") from None
    if not isinstance(payload, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if body.count(b"[") + body.count(b"{") > _FLAT and _is_too_deep(payload):
        raise InvalidRequest("The body is nested too deeply.")
    return payload


def _is_too_deep(payload: dict[str, Any]) -> bool:
    wrapped: Any = payload
    for _ in range(NESTING_LEFT):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except TypeError:
        return True
    return False


def check_chat(payload: dict[str, Any]) -> None:
    """Raise InvalidRequest with one entry a refused field."""
    refuse(_chat_errors(payload))


def refuse(errors: Iterable[FieldError]) -> None:
    """Raise InvalidRequest with the first of `errors`, when there are any."""
    first = tuple(islice(errors, MAX_FIELD_ERRORS))
    if first:
        raise InvalidRequest(field_errors=first)


def check_model(payload: dict[str, Any]) -> Iterator[FieldError]:
    """The model's name: a string of 1 to 256 characters."""
    model = payload.get("model")
    if model is None:
        yield FieldError("model", FieldCode.REQUIRED, "Name a model.")
    elif not isinstance(model, str) or not model:
        yield FieldError("model", FieldCode.INVALID_FORMAT, "The model must be a name.")
    elif len(model) > MAX_MODEL_CHARACTERS:
        yield FieldError("model", FieldCode.TOO_LONG, f"A model's name has at most {MAX_MODEL_CHARACTERS} characters.")


def _chat_errors(payload: dict[str, Any]) -> Iterator[FieldError]:
    yield from check_model(payload)
    yield from messages_errors(payload.get("messages"))
    yield from number_error(payload, "temperature", 0, MAX_TEMPERATURE, whole=False)
    for name in ("max_tokens", "max_completion_tokens"):
        yield from number_error(payload, name, 1, MAX_COMPLETION_TOKENS, whole=True)
    yield from stream_error(payload)


def stream_error(payload: dict[str, Any]) -> Iterator[FieldError]:
    """Whether the answer is streamed: true or false."""
    if not isinstance(payload.get("stream", False), bool | None):
        yield FieldError("stream", FieldCode.INVALID_FORMAT, "`stream` is true or false.")


def messages_errors(messages: Any, *, name: str = "messages", needs_role: bool = True) -> Iterator[FieldError]:
    """A list of 1 to MAX_MESSAGES messages; some dialects also have items without a role."""
    if messages is None:
        yield FieldError(name, FieldCode.REQUIRED, "Send at least one message.")
    elif not isinstance(messages, list):
        yield FieldError(name, FieldCode.INVALID_FORMAT, f"`{name}` is a list.")
    elif not messages:
        yield FieldError(name, FieldCode.REQUIRED, "Send at least one message.")
    elif len(messages) > MAX_MESSAGES:
        yield FieldError(name, FieldCode.TOO_MANY, f"At most {MAX_MESSAGES:,} messages fit in one call.")
    else:
        for index, message in enumerate(messages):
            yield from message_errors(f"{name}[{index}]", message, needs_role=needs_role)


def message_errors(path: str, message: Any, *, needs_role: bool = True) -> Iterator[FieldError]:
    """An object with a role, and at most MAX_MESSAGE_BYTES of text; `path` is where it stands."""
    if not isinstance(message, dict):
        yield FieldError(path, FieldCode.INVALID_FORMAT, "A message is an object.")
        return
    role = message.get("role")
    if role is None and (needs_role or "role" in message):
        yield FieldError(f"{path}.role", FieldCode.REQUIRED, "Name the message's role.")
    elif role is not None and (not isinstance(role, str) or not role):
        yield FieldError(f"{path}.role", FieldCode.INVALID_FORMAT, "A role is a word.")
    content = message.get("content")
    if not isinstance(content, str | list | None):
        yield FieldError(f"{path}.content", FieldCode.INVALID_FORMAT, "Content is text or a list of parts.")
    elif _text_bytes(content) > MAX_MESSAGE_BYTES:
        yield FieldError(f"{path}.content", FieldCode.TOO_LONG, "A message holds at most 100 KiB of text.")


def _text_bytes(content: str | list[Any] | None) -> int:
    if isinstance(content, str):
        # Characters are at most four bytes: most messages are settled without encoding them.
        return len(content) if len(content) * 4 <= MAX_MESSAGE_BYTES else len(content.encode(errors="replace"))
    parts = content or []
    return sum(
        len(text.encode(errors="replace"))
        for p in parts
        if isinstance(p, dict) and isinstance(text := p.get("text"), str)
    )


def number_error(payload: dict[str, Any], name: str, low: int, high: int, *, whole: bool) -> Iterator[FieldError]:
    """A number from `low` to `high`, or nothing."""
    value = payload.get(name)
    if value is None:
        return
    is_number = (
        isinstance(value, int | float) and not isinstance(value, bool) and not (whole and isinstance(value, float))
    )
    if not is_number or not low <= value <= high:
        number = "a whole number" if whole else "a number"
        yield FieldError(name, FieldCode.INVALID_FORMAT, f"`{name}` is {number} from {low} to {high:,}.")
