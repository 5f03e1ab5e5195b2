"""OpenAI's chat completions as Anthropic's messages: whole ones, and streams chunk by chunk. Nothing here raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ibex.providers.untrusted import as_count, as_object, as_text, object_in, objects

STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""OpenAI's `finish_reason` → Anthropic's `stop_reason`."""
_TEXT = "text"


def message_of(completion: Mapping[str, Any]) -> dict[str, Any]:
    """A whole chat completion's first choice as a message."""
    choice = next(iter(objects(completion.get("choices"))), {})
    said = as_object(choice.get("message"))
    text = as_text(said.get("content")) or as_text(said.get("refusal"))
    blocks = [{"type": "text", "text": text}] if text else []
    blocks += [_tool_use(call) for call in objects(said.get("tool_calls"))]
    head = {"id": as_text(completion.get("id")), "type": "message", "role": "assistant"}
    return {
        **head,
        "model": as_text(completion.get("model")),
        "content": blocks,
        "stop_reason": _stop_reason(choice),
        "stop_sequence": None,
        "usage": usage_of(as_object(completion.get("usage"))),
    }


def usage_of(usage: Mapping[str, Any]) -> dict[str, int]:
    """Tokens in Anthropic's words, where the prompt does not include what came out of the cache."""
    cached = as_count(as_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    prompt, answer = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    return {
        "input_tokens": max(0, prompt - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": answer,
    }


class EventsOfChunks:
    """Turns the chunks of one streamed completion into the events of a message. Blocks follow each other: the next one
    ends the last.
    """

    def __init__(self) -> None:
        self.ended = False
        """The message is whole, or an error has ended it."""
        self._begun = False
        self._open: Any = None
        """What the open block is of: _TEXT, or the index and id of a tool call."""
        self._blocks = 0
        self._stop_reason = ""
        self._usage: dict[str, int] = usage_of({})

    @property
    def is_finished(self) -> bool:
        """The model has said why it stopped."""
        return bool(self._stop_reason)

    def events(self, chunk: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What one chunk comes to."""
        if self.ended or not chunk:
            return
        if chunk.get("error"):
            self.ended = True
            message = as_text(as_object(chunk["error"]).get("message"))
            yield {"type": "error", "error": {"type": "api_error", "message": message}}
            return
        if not self._begun:
            self._begun = True
            yield {"type": "message_start", "message": {**message_of(chunk), "content": [], "stop_reason": None}}
        if usage := as_object(chunk.get("usage")):
            self._usage = usage_of(usage)
        choice = next(iter(objects(chunk.get("choices"))), {})
        delta = as_object(choice.get("delta"))
        if text := as_text(delta.get("content")) or as_text(delta.get("refusal")):
            yield from self._say(_TEXT, {"type": "text", "text": ""}, {"type": "text_delta", "text": text})
        for call in objects(delta.get("tool_calls")):
            yield from self._call(call)
        if as_text(choice.get("finish_reason")):
            self._stop_reason = _stop_reason(choice) or ""

    def end(self) -> Iterator[dict[str, Any]]:
        """What ends a message whose chunks have all come; nothing when it has ended already, or never began."""
        if self.ended or not self._begun:
            return
        self.ended = True
        if self._open is not None:
            yield {"type": "content_block_stop", "index": self._blocks - 1}
        ending = {"stop_reason": self._stop_reason or "end_turn", "stop_sequence": None}
        yield {"type": "message_delta", "delta": ending, "usage": self._usage}
        yield {"type": "message_stop"}

    def _call(self, call: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        call_id, index = as_text(call.get("id")), as_count(call.get("index"))
        is_same = isinstance(self._open, tuple) and self._open[0] == index and call_id in ("", self._open[1])
        of = self._open if is_same else (index, call_id)
        piece = as_text(as_object(call.get("function")).get("arguments"))
        block = {**_tool_use(call), "input": {}}
        yield from self._say(of, block, {"type": "input_json_delta", "partial_json": piece})

    def _say(self, of: Any, block: Mapping[str, Any], delta: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if of != self._open:
            if self._open is not None:
                yield {"type": "content_block_stop", "index": self._blocks - 1}
            self._open = of
            yield {"type": "content_block_start", "index": self._blocks, "content_block": block}
            self._blocks += 1
        yield {"type": "content_block_delta", "index": self._blocks - 1, "delta": delta}


def _tool_use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = as_object(call.get("function"))
    arguments = object_in(as_text(function.get("arguments")).encode(errors="replace")) or {}
    name, call_id = as_text(function.get("name")), as_text(call.get("id"))
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _stop_reason(choice: Mapping[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return STOP_REASONS.get(reason, "end_turn") if isinstance(reason, str) else None
