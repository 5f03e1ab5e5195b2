"""Chat completions as OpenAI's responses: whole ones, and streams chunk by chunk. Nothing here raises."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ibex.providers.untrusted import as_count, as_object, as_text, objects

INCOMPLETE_REASONS: Mapping[str, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""The `finish_reason` of a chat completion that did not come to its end → why a response is incomplete."""
_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
}
"""What a response repeats of its request, and what it says where the request said nothing."""
_TEXT = "text"


def response_of(completion: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """A whole chat completion's first choice as a response to `request`."""
    choice = next(iter(objects(completion.get("choices"))), {})
    said = as_object(choice.get("message"))
    head = _head(completion, request)
    text = as_text(said.get("content")) or as_text(said.get("refusal"))
    output = [_message(f"msg_{_name(head)}_0", text)] if text else []
    for call in objects(said.get("tool_calls")):
        output.append(_call(f"fc_{_name(head)}_{len(output)}", call))
    usage = usage_of(as_object(completion.get("usage")))
    return {**head, **_ending(as_text(choice.get("finish_reason"))), "output": output, "usage": usage}


def usage_of(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens in the words of responses."""
    prompt, answer = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    details = as_object(usage.get("prompt_tokens_details"))
    cached, kept = as_count(details.get("cached_tokens")), as_count(details.get("cache_write_tokens"))
    thought = as_count(as_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": kept},
        "output_tokens": answer,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": prompt + answer,
    }


class ResponseEvents:
    """Turns the chunks of one streamed completion into the events of a response. Items follow each other: the next one
    ends the last.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._request = request
        self._head: dict[str, Any] | None = None
        self._numbers = itertools.count()
        self._output: list[dict[str, Any]] = []
        """The items; the last one may be open."""
        self._open: Any = None
        """What the open item is of: _TEXT, or the index and id of a tool call."""
        self._pieces: list[str] = []
        self._finish_reason = ""
        self._usage: dict[str, Any] = usage_of({})

    def events(self, chunk: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What one chunk comes to."""
        if self._head is None:
            self._head = _head(chunk, self._request)
            begun = {**self._head, "status": "in_progress", "output": [], "usage": None}
            yield self._event("created", response=begun)
            yield self._event("in_progress", response=begun)
        if error := as_object(chunk.get("error")):
            said = {"code": "server_error", "message": as_text(error.get("message"))}
            yield self._event("failed", response={**self._head, "status": "failed", "error": said, "output": []})
            return
        if usage := as_object(chunk.get("usage")):
            self._usage = usage_of(usage)
        choice = next(iter(objects(chunk.get("choices"))), {})
        delta = as_object(choice.get("delta"))
        if text := as_text(delta.get("content")) or as_text(delta.get("refusal")):
            yield from self._say(_TEXT, {}, text)
        for call in objects(delta.get("tool_calls")):
            yield from self._call(call)
        self._finish_reason = as_text(choice.get("finish_reason")) or self._finish_reason

    def end(self) -> Iterator[dict[str, Any]]:
        """What ends a response whose chunks have all come."""
        yield from self._close()
        ending = _ending(self._finish_reason)
        whole = {**(self._head or _head({}, self._request)), **ending, "output": self._output, "usage": self._usage}
        yield self._event(ending["status"], response=whole)

    def _call(self, call: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        call_id, index = as_text(call.get("id")), as_count(call.get("index"))
        is_same = isinstance(self._open, tuple) and self._open[0] == index and call_id in ("", self._open[1])
        of = self._open if is_same else (index, call_id)
        yield from self._say(of, call, as_text(as_object(call.get("function")).get("arguments")))

    def _say(self, of: Any, call: Mapping[str, Any], piece: str) -> Iterator[dict[str, Any]]:
        if of != self._open:
            yield from self._close()
            yield from self._begin(of, call)
        if not piece:
            return
        self._pieces.append(piece)
        if of == _TEXT:
            yield self._event("output_text.delta", **self._place(), content_index=0, delta=piece, logprobs=[])
        else:
            yield self._event("function_call_arguments.delta", **self._place(), delta=piece)

    def _begin(self, of: Any, call: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        self._open, self._pieces = of, []
        number, name = len(self._output), _name(self._head or {})
        item = _message(f"msg_{name}_{number}", "") if of == _TEXT else _call(f"fc_{name}_{number}", call)
        self._output.append(item)
        begun: dict[str, Any] = {"content": []} if of == _TEXT else {"arguments": ""}
        yield self._event("output_item.added", output_index=number, item=item | begun | {"status": "in_progress"})
        if of == _TEXT:
            yield self._event("content_part.added", **self._place(), content_index=0, part=_part(""))

    def _close(self) -> Iterator[dict[str, Any]]:
        if self._open is None:
            return
        whole, item = "".join(self._pieces), self._output[-1]
        if self._open == _TEXT:
            item["content"] = [_part(whole)]
            yield self._event("output_text.done", **self._place(), content_index=0, text=whole, logprobs=[])
            yield self._event("content_part.done", **self._place(), content_index=0, part=_part(whole))
        else:
            item["arguments"] = whole
            yield self._event("function_call_arguments.done", **self._place(), name=item["name"], arguments=whole)
        yield self._event("output_item.done", output_index=len(self._output) - 1, item=item)
        self._open = None

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}

    def _event(self, kind: str, **said: Any) -> dict[str, Any]:
        return {"type": f"response.{kind}", "sequence_number": next(self._numbers), **said}


def _head(completion: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """What every state of a response has."""
    echoed = {name: default if request.get(name) is None else request[name] for name, default in _ECHOED.items()}
    return {
        "id": f"resp_{as_text(completion.get('id')).removeprefix('msg_')}",
        "object": "response",
        "created_at": int(time.time()),
        "model": as_text(completion.get("model")),
        "error": None,
        "incomplete_details": None,
        **echoed,
    }


def _name(head: Mapping[str, Any]) -> str:
    return as_text(head.get("id")).removeprefix("resp_")


def _ending(finish_reason: str) -> dict[str, Any]:
    reason = INCOMPLETE_REASONS.get(finish_reason)
    if reason is None:
        return {"status": "completed"}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def _message(item_id: str, text: str) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": [_part(text)]}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call(item_id: str, call: Mapping[str, Any]) -> dict[str, Any]:
    function = as_object(call.get("function"))
    return {
        "id": item_id,
        "type": "function_call",
        "status": "completed",
        "call_id": as_text(call.get("id")),
        "name": as_text(function.get("name")),
        "arguments": as_text(function.get("arguments")),
    }
