"""Anthropic's answers as OpenAI's chat completions: whole ones, and streams event by event. Nothing here raises."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from ibex.providers.untrusted import as_count, as_object, as_text, objects

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Anthropic's `stop_reason` → OpenAI's `finish_reason`."""
_NO_ARGUMENTS = "{}"


def completion_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """A whole message as a chat completion."""
    blocks = objects(message.get("content"))
    text = "".join(as_text(block.get("text")) for block in blocks if block.get("type") == "text")
    calls = [_tool_call(block) for block in blocks if block.get("type") == "tool_use"]
    said = {"role": "assistant", "content": text or None, "refusal": None} | ({"tool_calls": calls} if calls else {})
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": _finish_reason(message)}
    head = {"id": message.get("id"), "object": "chat.completion", "created": int(time.time())}
    usage = usage_of(as_object(message.get("usage")))
    return {**head, "model": message.get("model"), "choices": [choice], "usage": usage}


def usage_of(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens in OpenAI's words: what came out of the cache or went into it is part of the prompt."""
    cached = as_count(usage.get("cache_read_input_tokens"))
    kept = as_count(usage.get("cache_creation_input_tokens"))
    prompt = as_count(usage.get("input_tokens")) + kept + cached
    completion = as_count(usage.get("output_tokens"))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": kept},
    }


def model_list_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Anthropic's list of models in OpenAI's shape."""
    models = [
        {
            "id": model["id"],
            "object": "model",
            "created": _seconds(as_text(model.get("created_at"))),
            "owned_by": "anthropic",
        }
        for model in objects(answer.get("data"))
        if isinstance(model.get("id"), str)
    ]
    return {"object": "list", "data": models}


def error_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """An error event's error in OpenAI's shape."""
    error = as_object(event.get("error"))
    kind = as_text(error.get("type")) or "api_error"
    return {"error": {"message": as_text(error.get("message")), "type": kind, "code": kind, "param": None}}


class ChunksOfEvents:
    """Turns the events of one message's stream into chat completion chunks."""

    def __init__(self, *, with_usage: bool = False) -> None:
        self.ended = False
        """The message is whole, or an error has ended it."""
        self.failed = False
        self._with_usage = with_usage
        self._head: dict[str, Any] = {"id": "", "object": "chat.completion.chunk", "created": int(time.time())}
        self._usage: dict[str, Any] = {}
        self._calls: dict[int, int] = {}
        """Index of a content block → of its tool call."""
        self._without_arguments: set[int] = set()

    def chunks(self, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What one event comes to: often one chunk, or none."""
        if self.ended:
            return
        index = as_count(event.get("index"))
        match event.get("type"):
            case "message_start":
                yield self._begin(as_object(event.get("message")))
            case "content_block_start":
                yield from self._open(index, as_object(event.get("content_block")))
            case "content_block_delta":
                yield from self._say(index, as_object(event.get("delta")))
            case "content_block_stop" if index in self._without_arguments:
                yield self._arguments(index, _NO_ARGUMENTS)
            case "message_delta":
                self._count(event)
                yield self._chunk({}, _finish_reason(as_object(event.get("delta"))))
            case "message_stop":
                self.ended = True
                if self._with_usage:
                    yield {**self._head, "choices": [], "usage": usage_of(self._usage)}
            case "error":
                self.ended = self.failed = True
                yield error_of(event)

    def _begin(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self._head |= {"id": as_text(message.get("id")), "model": as_text(message.get("model"))}
        self._count(message)
        return self._chunk({"role": "assistant", "content": ""})

    def _count(self, event: Mapping[str, Any]) -> None:
        """Later counts are of the whole message, but need not repeat those of the prompt."""
        self._usage |= {name: count for name, count in as_object(event.get("usage")).items() if count is not None}

    def _open(self, index: int, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if block.get("type") == "tool_use":
            call = self._calls[index] = len(self._calls)
            self._without_arguments.add(index)
            begun = _tool_call(block) | {"index": call}
            begun["function"]["arguments"] = ""
            yield self._chunk({"tool_calls": [begun]})
        elif text := as_text(block.get("text")):
            yield self._chunk({"content": text})

    def _say(self, index: int, delta: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if delta.get("type") == "text_delta":
            yield self._chunk({"content": as_text(delta.get("text"))})
        elif index in self._calls and (piece := as_text(delta.get("partial_json"))):
            yield self._arguments(index, piece)

    def _arguments(self, index: int, piece: str) -> dict[str, Any]:
        self._without_arguments.discard(index)
        return self._chunk({"tool_calls": [{"index": self._calls[index], "function": {"arguments": piece}}]})

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        chunk = {**self._head, "choices": [choice]}
        return {**chunk, "usage": None} if self._with_usage else chunk


def _tool_call(block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = orjson.dumps(as_object(block.get("input"))).decode()
    function = {"name": as_text(block.get("name")), "arguments": arguments}
    return {"id": as_text(block.get("id")), "type": "function", "function": function}


def _finish_reason(said: Mapping[str, Any]) -> str | None:
    reason = said.get("stop_reason")
    return FINISH_REASONS.get(reason, "stop") if isinstance(reason, str) else None


def _seconds(iso_time: str) -> int:
    try:
        return int(datetime.fromisoformat(iso_time).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0
