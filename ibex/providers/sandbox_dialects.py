"""The sandbox's answers in the shapes of OpenAI's Responses API and of Anthropic's Messages API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from ibex.providers.untrusted import as_list

Said = Mapping[str, Any]


def heard_in_messages(request: Mapping[str, Any]) -> list[Any]:
    """The instructions and messages of a Messages request, as a chat has them."""
    return [{"role": "system", "content": request.get("system")}, *as_list(request.get("messages"))]


def heard_in_responses(request: Mapping[str, Any]) -> list[Any]:
    """The instructions and input of a Responses request, as a chat has them."""
    given = request.get("input")
    said = [{"role": "user", "content": given}] if isinstance(given, str) else as_list(given)
    return [{"role": "system", "content": request.get("instructions")}, *said]


def message(message_id: str, model: str, text: str, usage: Mapping[str, int]) -> dict[str, Any]:
    """A whole message of Anthropic's API; `usage` is a chat completion's."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]},
    }


def message_events(whole: Said, pieces: Sequence[str]) -> Iterator[bytes]:
    """The same message as a stream."""
    usage = whole["usage"]
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield _event("message_start", message=begun)
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("ping")
    for piece in pieces:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": usage["output_tokens"]})
    yield _event("message_stop")


def response(response_id: str, created: int, request: Mapping[str, Any], model: str, said: Said) -> dict[str, Any]:
    """A whole response; `said` has its `text`, and `usage` as a chat completion's."""
    usage = said["usage"]
    part = {"type": "output_text", "text": said["text"], "annotations": []}
    item = {
        "id": f"msg_{response_id}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "completed",
        "model": model,
        "output": [{**item, "status": "completed"}],
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "metadata": request.get("metadata") or {},
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "previous_response_id": request.get("previous_response_id"),
        "temperature": request.get("temperature"),
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools") or [],
        "top_p": request.get("top_p"),
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        },
    }


def response_events(whole: Said, pieces: Sequence[str]) -> Iterator[bytes]:
    """The same response as a stream."""
    [item] = whole["output"]
    [part] = item["content"]
    numbers = itertools.count()
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}

    def event(kind: str, **said: Any) -> bytes:
        return _event(f"response.{kind}", sequence_number=next(numbers), **said)

    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield event("created", response=begun)
    yield event("in_progress", response=begun)
    yield event("output_item.added", output_index=0, item={**item, "status": "in_progress", "content": []})
    yield event("content_part.added", **place, part={**part, "text": ""})
    for piece in pieces:
        yield event("output_text.delta", **place, delta=piece, logprobs=[])
    yield event("output_text.done", **place, text=part["text"], logprobs=[])
    yield event("content_part.done", **place, part=part)
    yield event("output_item.done", output_index=0, item=item)
    yield event("completed", response=whole)


def _event(kind: str, **said: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, **said}))
