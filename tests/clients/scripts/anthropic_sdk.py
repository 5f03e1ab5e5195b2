"""Anthropic's Python SDK, with nothing set but `base_url`, `api_key` and `default_headers`."""

from __future__ import annotations

import time
from typing import Any

import anthropic
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

TOOLS: Any = [{"name": "weather", "description": "The weather.", "input_schema": WEATHER}]
LENGTH: Any = {"max_tokens": 200}


def options(name: str) -> dict[str, Any]:
    return {"base_url": BASE_URL, "api_key": TOKEN, "default_headers": headers(name), "max_retries": 0}


def client(name: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(**options(name))


def said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@feature
def whole(name: str) -> Any:
    answer = client(name).messages.create(model="say", messages=[user("Hi")], **LENGTH)
    reason = {"end_turn": "stop"}.get(answer.stop_reason, answer.stop_reason)
    return [said(answer), reason, answer.usage.input_tokens, answer.usage.output_tokens]


@feature
def stream(name: str) -> Any:
    with client(name).messages.stream(model="say", messages=[user("Hi")], **LENGTH) as events:
        pieces = list(events.text_stream)
        reason = events.get_final_message().stop_reason
    return ["".join(pieces), {"end_turn": "stop"}.get(reason, reason), len(pieces) > 1]


@feature
def usage_in_stream(name: str) -> Any:
    with client(name).messages.stream(model="say", messages=[user("Hi")], **LENGTH) as events:
        usage = events.get_final_message().usage
    return [usage.input_tokens, usage.output_tokens]


@feature
async def asynchronous(name: str) -> Any:
    async with anthropic.AsyncAnthropic(**options(name)) as own:
        answer = await own.messages.create(model="say", messages=[user("Hi")], **LENGTH)
        async with own.messages.stream(model="say", messages=[user("Ho")], **LENGTH) as events:
            return [said(answer), "".join([text async for text in events.text_stream])]


@feature
def session(name: str) -> Any:
    own, messages, answers = client(name), [user("One")], []
    for text in ("Two", "Three"):
        message = own.messages.create(model="say", messages=messages, system="Be kind.", **LENGTH)
        answers.append(said(message))
        messages += [{"role": "assistant", "content": message.content}, user(text)]
    with own.messages.stream(model="say", messages=messages, system="Be kinder.", **LENGTH) as events:
        answers.append(said(events.get_final_message()))
    return answers


def _with_tools(ask: Any) -> Any:
    messages: list[Any] = [user("Weather?")]
    message = ask(messages)
    [call] = [block for block in message.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sun"}
    messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    return [call.name, call.input, said(ask(messages))]


@feature
def tools(name: str) -> Any:
    own = client(name)
    return _with_tools(lambda messages: own.messages.create(model="tools", messages=messages, tools=TOOLS, **LENGTH))


@feature
def tools_in_stream(name: str) -> Any:
    own = client(name)

    def ask(messages: Any) -> Any:
        with own.messages.stream(model="tools", messages=messages, tools=TOOLS, **LENGTH) as events:
            return events.get_final_message()

    return _with_tools(ask)


@feature
def picture(name: str) -> Any:
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    parts: Any = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    return said(client(name).messages.create(model="picture", messages=[{"role": "user", "content": parts}], **LENGTH))


@feature
def errors(name: str) -> Any:
    own, messages = client(name), [user("Hi")]
    stranger = own.with_options(default_headers={"X-IBEX-Agent-ID": "nobody"})
    unknown = own.with_options(api_key="no")
    return {
        "400": raised(lambda: own.messages.create(model="say", messages=[], **LENGTH)),
        "401": raised(lambda: unknown.messages.create(model="say", messages=messages, **LENGTH)),
        "403": raised(lambda: stranger.messages.create(model="say", messages=messages, **LENGTH)),
        "404": raised(lambda: own.messages.create(model="status-404", messages=messages, **LENGTH)),
        "429": raised(lambda: own.messages.create(model="status-429", messages=messages, **LENGTH)),
        "500": raised(lambda: own.messages.create(model="status-500", messages=messages, **LENGTH)),
    }


@feature
def error_body(name: str) -> Any:
    try:
        client(name).messages.create(model="say", messages=[], **LENGTH)
    except anthropic.BadRequestError as error:
        said: Any = error.body
        inner = said["error"]
        return [inner["code"], inner["type"], inner["field_errors"][0]["field"], bool(said["request_id"])]


@feature
def leaving(name: str) -> Any:
    own = client(name)
    with own.messages.stream(model="endless", messages=[user(QUESTION)], **LENGTH) as events:
        heard = next(text for text in events.text_stream if text)
    time.sleep(PERSON_S)
    history = [user(QUESTION), {"role": "assistant", "content": heard.strip()}, user("Enough.")]
    return [heard.strip(), said(own.messages.create(model="say", messages=history, **LENGTH))]


@feature
def timeout(name: str) -> Any:
    impatient = client(name).with_options(timeout=IMPATIENT_S)
    return raised(lambda: impatient.messages.create(model="hang", messages=[user("Hi")], **LENGTH))


@feature
def models(name: str) -> Any:
    return sorted(model.id for model in client(name).models.list())


run()
