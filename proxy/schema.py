"""Is this a chat completion? Checks what SPEC section 2 limits; all else is forwarded as it came."""

from __future__ import annotations

import json
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
MAX_INPUTS = 2_048
"""Texts of one embeddings call: as OpenAI's own limit."""
MAX_FIELD_ERRORS = 20
NESTING_LEFT = 8
"""Levels that the journal's entry wraps around what was sent; with them it must not be deeper than JSON that can be
written again, which is 254 levels of lists and objects (orjson)."""
_FLAT = 200
"""A body with fewer brackets cannot be that deep."""
_DIGITS = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else ord(" ") for byte in range(256))
_LONG = b"0" * 19
"""Whole numbers of fewer digits fit into 64 bits."""


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; a whole number beyond 64 bits is a Fragment, which is written again as it came.

    Raises InvalidRequest, which never repeats what was sent.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not valid JSON.") from None
    if not isinstance(payload, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if body.count(b"[") + body.count(b"{") > _FLAT and _is_too_deep(payload):
        raise InvalidRequest("The body is nested too deeply.")
    if _LONG in body.translate(_DIGITS):
        exact: dict[str, Any] = json.loads(body.decode(), parse_int=_whole_number)
        return exact
    return payload


def _whole_number(text: str) -> int | orjson.Fragment:
    """orjson would make a float of a larger one, and IBEX would forward another number than the caller sent."""
    fits = len(text) <= 20 and -(1 << 63) <= int(text) < 1 << 64
    return int(text) if fits else orjson.Fragment(text)


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


def check_embeddings(payload: dict[str, Any]) -> None:
    """Raise InvalidRequest with one entry a refused field."""
    refuse(_embeddings_errors(payload))


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


def _embeddings_errors(payload: dict[str, Any]) -> Iterator[FieldError]:
    """The input is a text, a list of tokens, or a list of either."""
    yield from check_model(payload)
    given = payload.get("input")
    texts = given if isinstance(given, list) else [given]
    if given is None or given == []:
        yield FieldError("input", FieldCode.REQUIRED, "Send a text, or a list of them.")
    elif not all(isinstance(text, str | list | int) and not isinstance(text, bool) for text in texts):
        yield FieldError("input", FieldCode.INVALID_FORMAT, "The input is a text, or a list of texts or tokens.")
    elif sum(not isinstance(text, int) for text in texts) > MAX_INPUTS:
        yield FieldError("input", FieldCode.TOO_MANY, f"At most {MAX_INPUTS:,} inputs fit in one call.")
    else:
        for index, text in enumerate(texts):
            yield from text_error(f"input[{index}]" if texts is given else "input", text)


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
    yield from content_errors(f"{path}.content", message.get("content"))


def content_errors(path: str, content: Any) -> Iterator[FieldError]:
    """A text or a list of parts, or nothing, with at most MAX_MESSAGE_BYTES of text."""
    if not isinstance(content, str | list | None):
        yield FieldError(path, FieldCode.INVALID_FORMAT, "Content is text or a list of parts.")
    yield from text_error(path, content)


def text_error(path: str, content: Any) -> Iterator[FieldError]:
    """At most MAX_MESSAGE_BYTES of text; whatever is no text and no list of parts has none."""
    if _text_bytes(content) > MAX_MESSAGE_BYTES:
        yield FieldError(path, FieldCode.TOO_LONG, "At most 100 KiB of text fit here.")


def _text_bytes(content: Any) -> int:
    if isinstance(content, str):
        # Characters are at most four bytes: most messages are settled without encoding them.
        return len(content) if len(content) * 4 <= MAX_MESSAGE_BYTES else len(content.encode(errors="replace"))
    parts = content if isinstance(content, list) else []
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
