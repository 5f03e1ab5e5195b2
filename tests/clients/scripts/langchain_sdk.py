"""LangChain's ChatOpenAI and OpenAIEmbeddings, with nothing set but `base_url`, `api_key` and `default_headers`."""

from __future__ import annotations

import time
from typing import Any

from features import BASE_URL, IMPATIENT_S, PERSON_S, PICTURE, QUESTION, TOKEN, feature, headers, raised, run
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage, trim_messages
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Facts(BaseModel):
    """What the model is asked to fill in."""

    city: str
    sunny: bool


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "sun"


def options(name: str) -> dict[str, Any]:
    return {"base_url": f"{BASE_URL}/v1", "api_key": TOKEN, "default_headers": headers(name), "max_retries": 0}


def chat(name: str, model: str = "say", **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model=model, **options(name) | more)


def _raised(call: Any) -> str:
    # LangChain's own errors are OpenAI's as well, and that is what applications catch.
    return raised(call, by="openai")


@feature
def whole(name: str) -> Any:
    answer = chat(name).invoke([HumanMessage("Hi")])
    usage = answer.usage_metadata
    return [answer.text, answer.response_metadata["finish_reason"], usage["input_tokens"], usage["output_tokens"]]


@feature
def stream(name: str) -> Any:
    chunks = list(chat(name).stream([HumanMessage("Hi")]))
    [reason] = [r for chunk in chunks if (r := chunk.response_metadata.get("finish_reason"))]
    return ["".join(chunk.text for chunk in chunks), reason, len(chunks) > 3]


@feature
def usage_in_stream(name: str) -> Any:
    chunks = chat(name, stream_usage=True).stream([HumanMessage("Hi")])
    [usage] = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    return [usage["input_tokens"], usage["output_tokens"]]


@feature
async def asynchronous(name: str) -> Any:
    own = chat(name)
    answer = await own.ainvoke([HumanMessage("Hi")])
    return [answer.text, "".join([chunk.text async for chunk in own.astream([HumanMessage("Ho")])])]


@feature
def session(name: str) -> Any:
    own, messages, answers = chat(name), [SystemMessage("Be kind."), HumanMessage("One")], []
    for text in ("Two", "Three"):
        messages.append(own.invoke(messages))
        answers.append(messages[-1].text)
        messages.append(HumanMessage(text))
    chunks = list(own.stream(messages))
    return [*answers, "".join(chunk.text for chunk in chunks)]


@feature
def window(name: str) -> Any:
    """The oldest messages are dropped, as LangChain's own `trim_messages` does it."""
    own, messages = chat(name), [SystemMessage("Be kind.")]
    for number in range(6):
        messages.append(HumanMessage(f"{number}: {QUESTION}"))
        kept = trim_messages(
            messages, max_tokens=6, token_counter=len, strategy="last", start_on="human", include_system=True
        )
        messages.append(own.invoke(kept))
    return [len(kept), messages[-1].text.startswith("You said: 5")]


def _with_tools(ask: Any) -> Any:
    messages: list[Any] = [HumanMessage("Weather?")]
    message = ask(messages)
    [call] = message.tool_calls
    messages += [message, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]
    return [call["name"], call["args"], ask(messages).text]


@feature
def tools(name: str) -> Any:
    return _with_tools(chat(name, "tools").bind_tools([weather]).invoke)


@feature
def tools_in_stream(name: str) -> Any:
    bound = chat(name, "tools").bind_tools([weather])

    def ask(messages: Any) -> Any:
        first, *others = bound.stream(messages)
        return sum(others, first)

    return _with_tools(ask)


@feature
def structured(name: str) -> Any:
    return chat(name, "json").with_structured_output(Facts).invoke([HumanMessage("Rome?")]).model_dump()


@feature
def picture(name: str) -> Any:
    url = {"url": f"data:image/png;base64,{PICTURE}"}
    parts: Any = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": url}]
    return chat(name, "picture").invoke([HumanMessage(parts)]).text


@feature
def errors(name: str) -> Any:
    messages = [HumanMessage("Hi")]
    stranger = {"default_headers": {"X-IBEX-Agent-ID": "nobody"}}
    return {
        "400": _raised(lambda: chat(name).invoke(messages, temperature=9)),
        "401": _raised(lambda: chat(name, api_key="no").invoke(messages)),
        "403": _raised(lambda: chat(name, **stranger).invoke(messages)),
        "404": _raised(lambda: chat(name, "status-404").invoke(messages)),
        "429": _raised(lambda: chat(name, "status-429").invoke(messages)),
        "500": _raised(lambda: chat(name, "status-500").invoke(messages)),
    }


@feature
def leaving(name: str) -> Any:
    chunks = chat(name, "endless").stream([HumanMessage(QUESTION)])
    heard = next(chunk.text for chunk in chunks if chunk.text)
    chunks.close()
    time.sleep(PERSON_S)
    history = [HumanMessage(QUESTION), AIMessage(heard), HumanMessage("Enough.")]
    return [heard.strip(), chat(name).invoke(history).text]


@feature
def timeout(name: str) -> Any:
    return _raised(lambda: chat(name, "hang", timeout=IMPATIENT_S).invoke([HumanMessage("Hi")]))


@feature
def embeddings(name: str) -> Any:
    own = OpenAIEmbeddings(model="ibex-sandbox", check_embedding_ctx_length=False, **options(name))
    return [len(each) for each in own.embed_documents(["a", "b"])]


@feature
def responses(name: str) -> Any:
    own = chat(name, "ibex-sandbox", use_responses_api=True)
    messages: list[Any] = [HumanMessage("One")]
    messages += [own.invoke(messages), HumanMessage("Two")]
    streamed = "".join(chunk.text for chunk in own.stream(messages))
    return ["sandbox" in text.lower() for text in (messages[1].text, streamed)]


run()
