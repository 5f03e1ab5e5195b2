"""A request of OpenAI's Responses API as a chat completion's: for providers that know no responses.

What only shapes how OpenAI works is left out (reasoning, store, include, truncation, logprobs); what would leave a hole
in the question is refused by the name of its field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ibex.providers.errors import ProviderRejected
from ibex.providers.untrusted import as_list, as_object, as_text, objects

NEEDS_OPENAI: Mapping[str, str] = {
    "previous_response_id": "keeps no conversations: send the whole history in `input`",
    "conversation": "keeps no conversations: send the whole history in `input`",
    "prompt": "keeps no prompts: send `instructions` and `input`",
    "background": "answers at once only: leave `background` out",
}
"""Fields that stand for something which is kept by OpenAI, or done there later; and what a caller can do instead."""
_SAME_NAME = ("model", "temperature", "top_p", "parallel_tool_calls", "safety_identifier", "user")
_TEXT_PARTS = frozenset({"input_text", "output_text", "text"})
Message = dict[str, Any]


def chat_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as a chat completion's; it is not streamed. Raises ProviderRejected, naming the field."""
    for field, instead in NEEDS_OPENAI.items():
        if request.get(field):
            raise ProviderRejected(
                f"This model's provider {instead}; or name a model of an OpenAI provider.", param=field
            )
    instructions = as_text(request.get("instructions"))
    chat = {name: request.get(name) for name in _SAME_NAME} | {
        "messages": [*([{"role": "system", "content": instructions}] if instructions else []), *_messages(request)],
        "max_completion_tokens": request.get("max_output_tokens"),
        "response_format": _response_format(as_object(as_object(request.get("text")).get("format"))),
        **_tools(request),
    }
    return {name: value for name, value in chat.items() if value not in (None, [], {})}


def _messages(request: Mapping[str, Any]) -> Iterator[Message]:
    given = request.get("input")
    if isinstance(given, str):
        yield {"role": "user", "content": given}
    for item in objects(given):
        yield from _message(item)


def _message(item: Mapping[str, Any]) -> Iterator[Message]:
    match "message" if "role" in item else item.get("type"):
        case "message":
            yield {"role": as_text(item.get("role")), "content": _content(item.get("content"))}
        case "function_call":
            function = {"name": as_text(item.get("name")), "arguments": as_text(item.get("arguments"))}
            call = {"id": as_text(item.get("call_id")), "type": "function", "function": function}
            yield {"role": "assistant", "content": None, "tool_calls": [call]}
        case "function_call_output":
            content = _content(item.get("output"))
            yield {"role": "tool", "tool_call_id": as_text(item.get("call_id")), "content": content}
        case "reasoning":
            return  # what the model thought is its own provider's to read
        case _:
            raise ProviderRejected(
                "This model's provider takes messages, function calls and their outputs in `input`. Leave other items "
                "out, or name a model of an OpenAI provider.",
                param="input",
            )


def _content(content: Any) -> str | list[dict[str, Any]]:
    return content if isinstance(content, str) else [_part(part) for part in objects(content)]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if isinstance(kind, str) and kind in _TEXT_PARTS:
        return {"type": "text", "text": as_text(part.get("text"))}
    if kind == "refusal":
        return {"type": "refusal", "refusal": as_text(part.get("refusal"))}
    if kind == "input_image" and (url := as_text(part.get("image_url"))):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "input_file" and (data := as_text(part.get("file_data")) or as_text(part.get("file_url"))):
        return {"type": "file", "file": {"filename": as_text(part.get("filename")), "file_data": data}}
    raise ProviderRejected(
        "This model's provider takes text, images and files that are in the request or have an address. Leave other "
        "content parts and files by id out, or name a model of an OpenAI provider.",
        param="input",
    )


def _response_format(given: Mapping[str, Any]) -> dict[str, Any] | None:
    match given.get("type"):
        case "json_object":
            return {"type": "json_object"}
        case "json_schema":
            schema = {name: given.get(name) for name in ("name", "description", "schema", "strict") if name in given}
            return {"type": "json_schema", "json_schema": schema}
    return None


def _tools(request: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(at, tool) for at, tool in enumerate(objects(request.get("tools")))]
    choice = request.get("tool_choice")
    if not isinstance(choice, dict):
        return {"tools": tools, "tool_choice": choice}
    match choice.get("type"):
        case "function":
            wanted = {"type": "function", "function": {"name": as_text(choice.get("name"))}}
            return {"tools": tools, "tool_choice": wanted}
        case "allowed_tools":
            allowed = [as_object(tool).get("name") for tool in as_list(choice.get("tools"))]
            kept = [tool for tool in tools if tool["function"]["name"] in allowed]
            return {"tools": kept, "tool_choice": choice.get("mode")}
    raise _only_functions("tool_choice")


def _tool(at: int, tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise _only_functions(f"tools[{at}].type")
    function = {name: tool.get(name) for name in ("name", "description", "parameters") if tool.get(name) is not None}
    return {"type": "function", "function": {"name": "", **function}}


def _only_functions(field: str) -> ProviderRejected:
    sentence = "This model's provider has none of OpenAI's own tools: only functions can be called."
    return ProviderRejected(f"{sentence} Leave others out, or name a model of an OpenAI provider.", param=field)
