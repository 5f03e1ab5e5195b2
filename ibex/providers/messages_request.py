"""An Anthropic message's request as an OpenAI chat completion's: for providers that speak OpenAI's language only.

What only Anthropic has is left out (thinking, marks for the cache, top_k, its own tools); content that the other side
cannot read is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ibex.providers.errors import ProviderRejected
from ibex.providers.untrusted import as_object, as_text, objects

_UNSAID = frozenset({"thinking", "redacted_thinking"})
"""What the model thought is its own provider's to read."""
_TOOL_CHOICES: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}
_SAME_NAME = ("model", "temperature", "top_p", "stream")


def chat_request(request: Mapping[str, Any], *, limit_name: str = "max_tokens") -> dict[str, Any]:
    """The body for `/chat/completions`, where `limit_name` is what the provider calls the limit of an answer.

    Raises ProviderRejected for content that has no counterpart.
    """
    system = _text_of(request.get("system"))
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in objects(request.get("messages")):
        messages += _answer(message) if message.get("role") == "assistant" else _said(message)
    chat = {name: request.get(name) for name in _SAME_NAME} | {
        "messages": messages,
        limit_name: request.get("max_tokens"),
        "stop": request.get("stop_sequences"),
        "user": as_object(request.get("metadata")).get("user_id"),
        # Anthropic's streams always say what they cost.
        "stream_options": {"include_usage": True} if request.get("stream") is True else None,
        **_tools(request),
    }
    return {name: value for name, value in chat.items() if value not in (None, [])}


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(as_text(part.get("text")) for part in objects(content) if part.get("type") == "text")


def _answer(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    content = message.get("content")
    calls = [_tool_call(part) for part in objects(content) if part.get("type") == "tool_use"]
    said = {"role": "assistant", "content": _text_of(content) or None}
    if calls or said["content"]:
        yield said | ({"tool_calls": calls} if calls else {})


def _tool_call(block: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": as_text(block.get("name")), "arguments": orjson.dumps(as_object(block.get("input"))).decode()}
    return {"id": as_text(block.get("id")), "type": "function", "function": function}


def _said(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Results of tools, which are messages of their own here, and what the user says besides."""
    content = message.get("content")
    if isinstance(content, str):
        yield {"role": "user", "content": content}
        return
    parts: list[dict[str, Any]] = []
    for block in objects(content):
        if block.get("type") == "tool_result":
            result = _parts(block.get("content"))
            parts += [part for part in result if part["type"] != "text"]  # a tool's message holds text only
            text = "\n\n".join(part["text"] for part in result if part["type"] == "text")
            yield {"role": "tool", "tool_call_id": as_text(block.get("tool_use_id")), "content": text}
        else:
            parts += _parts([block])
    if len(parts) == 1 and parts[0]["type"] == "text":
        yield {"role": "user", "content": parts[0]["text"]}
    elif parts:
        yield {"role": "user", "content": parts}


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_part(block) for block in objects(content) if as_text(block.get("type")) not in _UNSAID]


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    source = as_object(block.get("source"))
    match block.get("type"):
        case "text":
            return {"type": "text", "text": as_text(block.get("text"))}
        case "image" if url := _url_of(source):
            return {"type": "image_url", "image_url": {"url": url}}
        case "document" if source.get("type") == "base64":
            name = as_text(block.get("title")) or "document"
            return {"type": "file", "file": {"filename": name, "file_data": _url_of(source)}}
    raise ProviderRejected(
        "This model's provider speaks OpenAI's API, to which IBEX translates text, images, PDF files and tools. Leave "
        "other content blocks out, or name a model of an Anthropic provider.",
        param="messages",
    )


def _url_of(source: Mapping[str, Any]) -> str:
    if source.get("type") == "base64":
        return f"data:{as_text(source.get('media_type'))};base64,{as_text(source.get('data'))}"
    return as_text(source.get("url"))


def _tools(request: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(tool) for tool in objects(request.get("tools")) if "input_schema" in tool]
    if not tools:
        return {}
    choice = as_object(request.get("tool_choice"))
    single = {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") is True else {}
    kind = as_text(choice.get("type"))
    if kind == "tool":
        return {"tools": tools, "tool_choice": {"type": "function", "function": {"name": choice.get("name")}}, **single}
    return {"tools": tools, "tool_choice": _TOOL_CHOICES.get(kind), **single}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": tool.get("name"), "description": tool.get("description"), "parameters": tool["input_schema"]}
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}
