"""The `litellm` package as a client: `completion` and `acompletion` with an `api_base`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import litellm
from features import (
    BASE_URL,
    IMPATIENT_S,
    PERSON_S,
    PICTURE,
    QUESTION,
    TOKEN,
    WEATHER,
    feature,
    headers,
    raised,
    run,
    user,
)
from pydantic import BaseModel

litellm.suppress_debug_info = True
litellm.telemetry = False

TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]


class Facts(BaseModel):
    """What the model is asked to fill in."""

    city: str
    sunny: bool


def options(name: str, model: str = "say") -> dict[str, Any]:
    return {
        "model": f"openai/{model}",
        "api_base": f"{BASE_URL}/v1",
        "api_key": TOKEN,
        "extra_headers": headers(name),
        "max_retries": 0,
    }


def ask(name: str, messages: Any, model: str = "say", **more: Any) -> Any:
    return litellm.completion(messages=messages, **options(name, model) | more)


def said(completion: Any) -> Any:
    return completion.choices[0].message.content


def streamed(chunks: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@feature
def whole(name: str) -> Any:
    answer = ask(name, [user("Hi")])
    return [said(answer), answer.choices[0].finish_reason, answer.usage.prompt_tokens, answer.usage.completion_tokens]


@feature
def stream(name: str) -> Any:
    chunks = list(ask(name, [user("Hi")], stream=True))
    [reason] = [r for chunk in chunks if (r := chunk.choices[0].finish_reason)]
    return [streamed(chunks), reason, len(chunks) > 3]


@feature
def usage_in_stream(name: str) -> Any:
    *_, last = ask(name, [user("Hi")], stream=True, stream_options={"include_usage": True})
    return [last.usage.prompt_tokens, last.usage.completion_tokens]


@feature
async def asynchronous(name: str) -> Any:
    answer = await litellm.acompletion(messages=[user("Hi")], **options(name))
    chunks = await litellm.acompletion(messages=[user("Ho")], stream=True, **options(name))
    return [said(answer), streamed([chunk async for chunk in chunks])]


@feature
def session(name: str) -> Any:
    messages, answers = [user("One")], []
    for text in ("Two", "Three"):
        message = ask(name, messages).choices[0].message
        answers.append(message.content)
        messages += [message, user(text)]
    return [*answers, streamed(ask(name, messages, stream=True))]


def _with_tools(asked: Any) -> Any:
    messages: list[Any] = [user("Weather?")]
    message = asked(messages)
    [call] = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "sun"}
    return [call.function.name, json.loads(call.function.arguments), asked([*messages, message, result]).content]


@feature
def tools(name: str) -> Any:
    return _with_tools(lambda messages: ask(name, messages, "tools", tools=TOOLS).choices[0].message)


@feature
def tools_in_stream(name: str) -> Any:
    def asked(messages: Any) -> Any:
        chunks = list(ask(name, messages, "tools", tools=TOOLS, stream=True))
        return litellm.stream_chunk_builder(chunks, messages=messages).choices[0].message

    return _with_tools(asked)


@feature
def structured(name: str) -> Any:
    answer = ask(name, [user("Rome?")], "json", response_format=Facts)
    return Facts.model_validate_json(said(answer)).model_dump()


@feature
def picture(name: str) -> Any:
    url = {"url": f"data:image/png;base64,{PICTURE}"}
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": url}]
    return said(ask(name, [{"role": "user", "content": parts}], "picture"))


@feature
def errors(name: str) -> Any:
    messages = [user("Hi")]
    return {
        "400": raised(lambda: ask(name, messages, temperature=9)),
        "401": raised(lambda: ask(name, messages, api_key="no")),
        "403": raised(lambda: ask(name, messages, extra_headers={"X-IBEX-Agent-ID": "nobody"})),
        "404": raised(lambda: ask(name, messages, "status-404")),
        "429": raised(lambda: ask(name, messages, "status-429")),
        "500": raised(lambda: ask(name, messages, "status-500")),
    }


@feature
async def leaving(name: str) -> Any:
    asked: Any = [user(QUESTION)]
    chunks = await litellm.acompletion(messages=asked, stream=True, **options(name, "endless"))
    heard = ""
    async for chunk in chunks:
        heard = chunk.choices[0].delta.content or ""
        if heard:
            break
    await chunks.aclose()
    await asyncio.sleep(PERSON_S)
    history = [user(QUESTION), {"role": "assistant", "content": heard}, user("Enough.")]
    return [heard.strip(), said(await litellm.acompletion(messages=history, **options(name)))]


@feature
def timeout(name: str) -> Any:
    return raised(lambda: ask(name, [user("Hi")], "hang", timeout=IMPATIENT_S))


@feature
def embeddings(name: str) -> Any:
    answer = litellm.embedding(input=["a", "b"], **options(name, "ibex-sandbox"))
    return [len(each["embedding"]) for each in answer.data]


@feature
def responses(name: str) -> Any:
    first = litellm.responses(input="One", **options(name, "ibex-sandbox"))
    events = litellm.responses(input="Two", previous_response_id=first.id, stream=True, **options(name, "ibex-sandbox"))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    return ["sandbox" in each.lower() for each in (first.output[0].content[0].text, text)]


run()
