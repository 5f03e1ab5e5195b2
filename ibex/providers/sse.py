"""Reading a provider's answer on the side: what the model said, for the checkpoint.

The caller gets the provider's own bytes; nothing here ever touches them, and nothing a provider sends raises here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ibex.providers.base import Usage
from ibex.providers.untrusted import as_list, as_object, as_text, is_count, object_in

MAX_EVENT_BYTES = 1024 * 1024
MAX_ACCUMULATED_BYTES = 1024 * 1024
"""Text and tool-call arguments of one turn, in UTF-8 (SPEC section 2)."""
MAX_TOOL_CALLS = 128
DONE = b"[DONE]"

_BOM = b"\xef\xbb\xbf"


class SseParser:
    """Server-sent events as the WHATWG describes them, incrementally, for bytes cut anywhere.

    It works on bytes, so that a cut inside a character cannot matter, and yields only what `data` says. An event that
    is not closed by an empty line is none.
    """

    __slots__ = ("_after_cr", "_data", "_line", "_name", "_oversized", "_size", "_started", "oversized")

    def __init__(self) -> None:
        self._line = bytearray()
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._oversized = False
        self._after_cr = False
        self._started = False
        self.oversized: list[bytes] = []
        """The names, where they have any, of the events that were too large to keep."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The payloads of the events that `chunk` completes, in order."""
        payloads: list[bytes] = []
        if self._after_cr and chunk:  # the line ended with the last chunk's CR; its LF, if any, comes now
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        for piece in chunk.splitlines(keepends=True):
            if not piece.endswith((b"\n", b"\r")):
                self._keep(piece)
                break
            payload = self._end_line(self._whole(piece.rstrip(b"\r\n")))
            if payload is not None:
                payloads.append(payload)
        self._after_cr = self._after_cr or chunk.endswith(b"\r")
        return payloads

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_EVENT_BYTES:
            self._oversized = True
            piece = piece[:1]  # enough to tell an empty line from another
        if not (self._oversized and self._line):
            self._line += piece

    def _whole(self, end: bytes) -> bytes:
        """The line that ends with `end`: mostly there is nothing before it."""
        if not self._line and not self._oversized and self._size + len(end) <= MAX_EVENT_BYTES:
            self._size += len(end)
            return end
        self._keep(end)
        line = bytes(self._line)
        self._line.clear()
        return line

    def _end_line(self, line: bytes) -> bytes | None:
        if not self._started:
            self._started = True
            line = line.removeprefix(_BOM)
        if not line:
            return self._end_event()
        name, _, value = line.partition(b":")
        if name == b"data" and not self._oversized:
            self._data.append(value.removeprefix(b" "))
        elif name == b"event" and not self._oversized:
            self._name = value.removeprefix(b" ")
        return None

    def _end_event(self) -> bytes | None:
        payload = b"\n".join(self._data) if self._data and not self._oversized else None
        if self._oversized:
            self.oversized.append(self._name)
        self._name = b""
        self._data.clear()
        self._size = 0
        self._oversized = False
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOutcome:
    """What one chat completion came to, streamed or not: its first choice."""

    text: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    """In OpenAI's shape: `{"id", "type": "function", "function": {"name", "arguments"}}`."""
    finish_reason: str | None = None
    model: str | None = None
    usage: Usage | None = None
    is_complete: bool = False
    """The model finished, in its own way; False when the answer broke off or turned into an error."""
    truncated: bool = False
    """It said more than is kept."""
    names: tuple[str, ...] = ()
    """Ids by which a later call may refer to this answer instead of sending the history."""


class ChatAccumulator:
    """Builds the outcome of a streamed chat completion from its bytes, cut anywhere."""

    def __init__(self) -> None:
        self.done = False
        """The provider's `[DONE]` has come: nothing follows it."""
        self.garbage = 0
        """Events that were no JSON objects, and were skipped."""
        self._parser = SseParser()
        self._builder = OutcomeBuilder()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Never raises."""
        for payload in self._parser.feed(chunk):
            if payload == DONE:
                self.done = self._builder.ended = True
                continue
            event = object_in(payload)
            if event is None:
                self.garbage += 1
            else:
                self._builder.take(event, said_in="delta")

    def outcome(self) -> ChatOutcome:
        """What has been said so far."""
        return self._builder.outcome(truncated=bool(self._parser.oversized))


def completion_from_json(body: bytes) -> ChatOutcome:
    """The outcome of a chat completion that was not streamed. Never raises: what is no completion is not complete."""
    builder = OutcomeBuilder()
    answer = object_in(body)
    if answer is not None:
        builder.take(answer, said_in="message")
        builder.ended = bool(_first_choice(answer))
    return builder.outcome()


@dataclass(slots=True)
class _ToolCall:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": "".join(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(slots=True)
class OutcomeBuilder:
    """Puts an outcome together from chat completions or their chunks, already parsed. Never raises."""

    ended: bool = False
    """The provider has said that this is all."""
    names: tuple[str, ...] = ()
    _text: list[str] = field(default_factory=list)
    _calls: list[_ToolCall] = field(default_factory=list)
    _open_calls: dict[int | None, _ToolCall] = field(default_factory=dict)
    _kept_bytes: int = 0
    _truncated: bool = False
    _failed: bool = False
    _finish_reason: str = ""
    _model: str = ""
    _usage: Usage | None = None

    def take(self, event: dict[str, Any], *, said_in: str) -> None:
        """Add what `event` says in its first choice's `said_in`, which is "delta" or "message"."""
        self._failed = self._failed or bool(event.get("error"))
        self._model = as_text(event.get("model")) or self._model
        if event.get("usage"):
            self._usage = _usage(event) or self._usage
        choice = _first_choice(event)
        self._finish_reason = as_text(choice.get("finish_reason")) or self._finish_reason
        said = as_object(choice.get(said_in))
        text = _content(said.get("content")) or as_text(said.get("refusal"))
        if text:
            self._text.append(self._within_cap(text))
        if said.get("tool_calls"):
            for position, call in enumerate(as_list(said["tool_calls"])):
                self._take_call(as_object(call), None if said_in == "delta" else position)

    def outcome(self, *, truncated: bool = False) -> ChatOutcome:
        """What has been taken so far."""
        return ChatOutcome(
            text="".join(self._text),
            tool_calls=tuple(call.as_dict() for call in self._calls),
            finish_reason=self._finish_reason or None,
            model=self._model or None,
            usage=self._usage,
            is_complete=(self.ended or bool(self._finish_reason)) and not self._failed,
            truncated=truncated or self._truncated,
            names=self.names,
        )

    def _take_call(self, delta: dict[str, Any], position: int | None) -> None:
        # Deltas of one call share its index. Some providers leave the index out or always send 0, and then a new id is
        # what tells that another call begins.
        index = delta.get("index")
        key = index if isinstance(index, int) else position
        call_id = as_text(delta.get("id"))
        call = self._open_calls.get(key)
        if call is None or (call_id and call.id and call_id != call.id):
            if len(self._calls) == MAX_TOOL_CALLS:
                self._truncated = True
                return
            call = self._open_calls[key] = _ToolCall()
            self._calls.append(call)
        function = as_object(delta.get("function"))
        call.id = call.id or self._within_cap(call_id)
        call.name = call.name or self._within_cap(as_text(function.get("name")))
        call.arguments.append(self._within_cap(as_text(function.get("arguments"))))

    def _within_cap(self, text: str) -> str:
        room = MAX_ACCUMULATED_BYTES - self._kept_bytes
        if text.isascii() and len(text) <= room:
            self._kept_bytes += len(text)
            return text
        encoded = text.encode()
        if len(encoded) > room:
            self._truncated = True
            encoded = encoded[:room]
            text = encoded.decode(errors="ignore")
        self._kept_bytes += len(encoded)
        return text


def _first_choice(event: dict[str, Any]) -> dict[str, Any]:
    for choice in map(as_object, as_list(event.get("choices"))):
        if choice.get("index", 0) == 0:
            return choice
    return {}


def _content(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    return "".join(as_text(as_object(part).get("text")) for part in as_list(content))


def _usage(event: dict[str, Any]) -> Usage | None:
    usage = as_object(event.get("usage"))
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens", 0)
    if is_count(prompt) and is_count(completion):
        return Usage(prompt_tokens=prompt, completion_tokens=completion)
    return None
