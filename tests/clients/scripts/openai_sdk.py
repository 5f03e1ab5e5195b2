"""OpenAI's Python SDK, with nothing set but `base_url`, `api_key` and `default_headers`."""

from __future__ import annotations

import json
import time
from typing import Any

import openai
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

TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]


class Facts(BaseModel):
    """What the model is asked to fill in."""

    city: str
    sunny: bool


def options(name: str) -> dict[str, Any]:
    return {"base_url": f"{BASE_URL}/v1", "api_key": TOKEN, "default_headers": headers(name), "max_retries": 0}


def client(name: str) -> openai.OpenAI:
    return openai.OpenAI(**options(name))


def said(completion: Any) -> Any:
    return completion.choices[0].message.content


def streamed(chunks: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@feature
def whole(name: str) -> Any:
    answer = client(name).chat.completions.create(model="say", messages=[user("Hi")])
    return [said(answer), answer.choices[0].finish_reason, answer.usage.prompt_tokens, answer.usage.completion_tokens]


@feature
def stream(name: str) -> Any:
    chunks = list(client(name).chat.completions.create(model="say", messages=[user("Hi")], stream=True))
    return [streamed(chunks), chunks[-1].choices[0].finish_reason, len(chunks) > 3]


@feature
def usage_in_stream(name: str) -> Any:
    asked: Any = {"include_usage": True}
    *_, last = client(name).chat.completions.create(
        model="say", messages=[user("Hi")], stream=True, stream_options=asked
    )
    return [last.usage.prompt_tokens, last.usage.completion_tokens]


@feature
async def asynchronous(name: str) -> Any:
    async with openai.AsyncOpenAI(**options(name)) as own:
        answer = await own.chat.completions.create(model="say", messages=[user("Hi")])
        chunks = await own.chat.completions.create(model="say", messages=[user("Ho")], stream=True)
        return [said(answer), streamed([chunk async for chunk in chunks])]


@feature
def session(name: str) -> Any:
    own, messages, answers = client(name), [user("One")], []
    for text in ("Two", "Three"):
        message = own.chat.completions.create(model="say", messages=messages).choices[0].message
        answers.append(message.content)
        messages += [message, user(text)]
    with own.chat.completions.stream(model="say", messages=messages) as events:
        answers.append(said(events.get_final_completion()))
    return answers


@feature
def tools(name: str) -> Any:
    own, messages = client(name), [user("Weather?")]
    message = own.chat.completions.create(model="tools", messages=messages, tools=TOOLS).choices[0].message
    [call] = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "sun"}
    final = own.chat.completions.create(model="tools", messages=[*messages, message, result], tools=TOOLS)
    return [call.function.name, json.loads(call.function.arguments), said(final)]


@feature
def tools_in_stream(name: str) -> Any:
    own, messages = client(name), [user("Weather?")]
    with own.chat.completions.stream(model="tools", messages=messages, tools=TOOLS) as events:
        message = events.get_final_completion().choices[0].message
    [call] = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "sun"}
    back = message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    with own.chat.completions.stream(model="tools", messages=[*messages, back, result], tools=TOOLS) as events:
        return [call.function.name, json.loads(call.function.arguments), said(events.get_final_completion())]


@feature
def structured(name: str) -> Any:
    answer = client(name).chat.completions.parse(model="json", messages=[user("Rome?")], response_format=Facts)
    return answer.choices[0].message.parsed.model_dump()


@feature
def picture(name: str) -> Any:
    parts: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
    ]
    return said(client(name).chat.completions.create(model="picture", messages=[{"role": "user", "content": parts}]))


@feature
def errors(name: str) -> Any:
    own, messages = client(name), [user("Hi")]
    stranger = own.with_options(default_headers={"X-IBEX-Agent-ID": "nobody"})
    return {
        "400": raised(lambda: own.chat.completions.create(model="say", messages=[])),
        "401": raised(lambda: own.with_options(api_key="no").chat.completions.create(model="say", messages=messages)),
        "403": raised(lambda: stranger.chat.completions.create(model="say", messages=messages)),
        "404": raised(lambda: own.chat.completions.create(model="status-404", messages=messages)),
        "429": raised(lambda: own.chat.completions.create(model="status-429", messages=messages)),
        "500": raised(lambda: own.chat.completions.create(model="status-500", messages=messages)),
    }


@feature
def error_body(name: str) -> Any:
    try:
        client(name).chat.completions.create(model="say", messages=[])
    except openai.BadRequestError as error:
        return [error.code, error.type, error.body["field_errors"][0]["field"], bool(error.body["request_id"])]


@feature
def leaving(name: str) -> Any:
    own = client(name)
    with own.chat.completions.create(model="endless", messages=[user(QUESTION)], stream=True) as chunks:
        heard = next(c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content)
    time.sleep(PERSON_S)
    history = [user(QUESTION), {"role": "assistant", "content": heard}, user("Enough.")]
    return [heard.strip(), said(own.chat.completions.create(model="say", messages=history))]


@feature
def timeout(name: str) -> Any:
    impatient = client(name).with_options(timeout=IMPATIENT_S)
    return raised(lambda: impatient.chat.completions.create(model="hang", messages=[user("Hi")]))


@feature
def embeddings(name: str) -> Any:
    return [len(each.embedding) for each in client(name).embeddings.create(model="ibex-sandbox", input=["a", "b"]).data]


@feature
def models(name: str) -> Any:
    return sorted(model.id for model in client(name).models.list())


@feature
def responses(name: str) -> Any:
    own = client(name)
    first = own.responses.create(model="ibex-sandbox", input="One", instructions="Be kind.")
    with own.responses.stream(model="ibex-sandbox", input="Two", previous_response_id=first.id) as events:
        second = events.get_final_response()
    return ["sandbox" in text.lower() for text in (first.output_text, second.output_text)]


run()
