"""An OpenAI chat completion's request as one of Anthropic's Messages API.

What Anthropic has no word for is left out (seed, penalties, logprobs, n); content that it cannot read is refused, for
an answer to half a question would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from ibex.providers.errors import ProviderRejected
from ibex.providers.untrusted import as_list, as_object, as_text, object_in, objects

DEFAULT_MAX_TOKENS = 4_096
"""The API demands a limit; this one is allowed by every model that Anthropic serves."""
MAX_TEMPERATURE = 1
"""Anthropic's scale ends here, OpenAI's at 2."""
JSON_ONLY = "Answer with one JSON object and nothing else: no other words, no code fence."
JSON_SCHEMA = "Answer with JSON that follows this schema, and nothing else: no other words, no code fence."
OPENING = "(The conversation begins with the assistant.)"
"""Stands first where no user does: the API demands that one speaks first."""

_INSTRUCTING = frozenset({"system", "developer"})
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)
_TOOL_CHOICES: Mapping[str, str] = {"auto": "auto", "required": "any", "none": "none"}
Block = dict[str, Any]


def messages_request(chat: Mapping[str, Any]) -> dict[str, Any]:
    """The body for `/messages`. Raises ProviderRejected for content that has no counterpart."""
    said = objects(chat.get("messages"))
    system = [block for message in said if _instructs(message) for block in _texts(message.get("content"))]
    system += _format_instructions(as_object(chat.get("response_format")))
    messages = _merged(_turns(message) for message in said if not _instructs(message))
    if not messages:  # instructions alone: they are what is asked
        system, messages = [], [{"role": "user", "content": system or [_text(OPENING)]}]
    elif messages[0]["role"] == "assistant":
        messages.insert(0, {"role": "user", "content": [_text(OPENING)]})
    request = {
        "model": chat.get("model"),
        "max_tokens": chat.get("max_completion_tokens") or chat.get("max_tokens") or DEFAULT_MAX_TOKENS,
        "system": system,
        "messages": messages,
        "stop_sequences": _stops(chat.get("stop")),
        "temperature": _temperature(chat.get("temperature")),
        "top_p": chat.get("top_p"),
        "metadata": _metadata(chat),
        "stream": chat.get("stream") is True or None,
        **_tools(chat),
    }
    return {name: value for name, value in request.items() if value not in (None, [], {})}


def _instructs(message: Mapping[str, Any]) -> bool:
    return message.get("role") in _INSTRUCTING


def _turns(message: Mapping[str, Any]) -> tuple[str, list[Block]]:
    """Whose turn a message belongs to, and its blocks there."""
    role, content = message.get("role"), message.get("content")
    if role == "tool":
        result = {"type": "tool_result", "tool_use_id": as_text(message.get("tool_call_id"))}
        return "user", [{**result, "content": blocks} if (blocks := _blocks(content)) else result]
    if role == "assistant":
        calls = [_tool_use(call) for call in objects(message.get("tool_calls"))]
        return "assistant", [*_texts(content), *_texts(message.get("refusal")), *calls]
    return "user", _blocks(content)


def _merged(turns: Iterator[tuple[str, list[Block]]]) -> list[dict[str, Any]]:
    """Messages whose roles alternate: several of one side, and all results of a turn's tools, become one."""
    merged: list[dict[str, Any]] = []
    for role, blocks in turns:
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += blocks
        elif blocks:
            merged.append({"role": role, "content": blocks})
    if merged and merged[-1]["role"] == "assistant" and merged[-1]["content"][-1]["type"] == "text":
        last = merged[-1]["content"][-1]  # the beginning of an answer: the API refuses white space at its end
        last["text"] = last["text"].rstrip()
    return merged


def _text(text: str, part: Mapping[str, Any] | None = None) -> Block:
    mark = (part or {}).get("cache_control")
    return {"type": "text", "text": text} | ({"cache_control": mark} if mark else {})


def _texts(content: Any) -> list[Block]:
    """The text in a content; empty texts, which the API refuses, are left out."""
    if isinstance(content, str):
        return [_text(content)] if content.strip() else []
    spoken = ((as_text(part.get("text")) or as_text(part.get("refusal")), part) for part in objects(content))
    return [_text(text, part) for text, part in spoken if text.strip()]


def _blocks(content: Any) -> list[Block]:
    if not isinstance(content, list):
        return _texts(content)
    return [block for part in objects(content) for block in _block(part)]


def _block(part: dict[str, Any]) -> list[Block]:
    match part.get("type"):
        case "text" | "refusal":
            return _texts([part])
        case "image_url":
            image = part.get("image_url")
            return [{"type": "image", "source": _source(as_text(as_object(image).get("url")) or as_text(image))}]
        case "file" if data := as_text(as_object(part.get("file")).get("file_data")):
            return [{"type": "document", "source": _source(data)}]
        case "image" | "document":  # Anthropic's own, from a caller who knows who answers
            return [part]
        case _:
            raise ProviderRejected(
                "This model's provider, Anthropic, takes text, images and PDF files. Leave other content parts out, or "
                "name a model of another provider.",
                param="messages",
            )


def _source(url: str) -> dict[str, Any]:
    data = _DATA_URL.fullmatch(url)
    if data is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": data[1], "data": data[2]}


def _tool_use(call: Mapping[str, Any]) -> Block:
    function = as_object(call.get("function"))
    arguments = object_in(as_text(function.get("arguments")).encode(errors="replace")) or {}
    name, call_id = as_text(function.get("name")), as_text(call.get("id"))
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _tools(chat: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(tool) for tool in objects(chat.get("tools"))]
    if not tools:
        return {}
    choice = _tool_choice(chat.get("tool_choice"))
    if chat.get("parallel_tool_calls") is False and choice.get("type") != "none":
        choice = {"type": "auto"} | choice | {"disable_parallel_tool_use": True}
    return {"tools": tools, "tool_choice": choice}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        return tool  # Anthropic's own, such as its web search
    function = as_object(tool.get("function"))
    translated = {
        "name": function.get("name"),
        "description": function.get("description"),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    return {name: value for name, value in translated.items() if value is not None}


def _tool_choice(choice: Any) -> dict[str, Any]:
    if isinstance(choice, str):
        return {"type": _TOOL_CHOICES[choice]} if choice in _TOOL_CHOICES else {}
    name = as_text(as_object(as_object(choice).get("function")).get("name"))
    return {"type": "tool", "name": name} if name else {}


def _stops(stop: Any) -> list[str]:
    return [text for text in ([stop] if isinstance(stop, str) else as_list(stop)) if as_text(text).strip()]


def _temperature(value: Any) -> float | None:
    return min(value, MAX_TEMPERATURE) if isinstance(value, int | float) else None


def _metadata(chat: Mapping[str, Any]) -> dict[str, str]:
    user = as_text(chat.get("safety_identifier")) or as_text(chat.get("user"))
    return {"user_id": user} if user else {}


def _format_instructions(response_format: Mapping[str, Any]) -> Sequence[Block]:
    """Not every model of Anthropic's can be held to a schema, but each can be told of one."""
    if response_format.get("type") == "json_object":
        return [_text(JSON_ONLY)]
    if response_format.get("type") == "json_schema":
        schema = as_object(response_format.get("json_schema")).get("schema") or {}
        return [_text(f"{JSON_SCHEMA}\n{orjson.dumps(schema).decode()}")]
    return []
