"""The sandbox in the shapes of the other two APIs: the same answer, whole and streamed."""

from __future__ import annotations

import orjson
import pytest

from ibex.providers.base import ProviderCall, Upstream
from ibex.providers.sandbox import SandboxProvider
from ibex.providers.sse import SseParser

MEMORY = '<memory category="factual" observed="2026-01-01">The user\'s dog is called Biscuit.</memory>'
QUESTION = "What is my dog called?"
REQUESTS = {
    "/responses": [
        {"input": QUESTION, "instructions": MEMORY},
        {"input": [{"role": "system", "content": MEMORY}, {"role": "user", "content": QUESTION}]},
    ],
    "/messages": [
        {"messages": [{"role": "user", "content": f"{MEMORY}\n\n{QUESTION}"}]},
        {"system": [{"type": "text", "text": MEMORY}], "messages": [{"role": "user", "content": QUESTION}]},
    ],
}


async def post(path, request):
    upstream = Upstream(id="1", name="Sandbox", kind="sandbox", base_url="")
    answer = await SandboxProvider().send(upstream, ProviderCall(path=path, body=orjson.dumps(request)))
    return answer, await answer.read()


def text_of(whole):
    [item] = whole.get("output", [whole])
    return item["content"][0]["text"]


@pytest.mark.parametrize(
    ("path", "request_body"), [(path, body) for path, bodies in REQUESTS.items() for body in bodies]
)
async def test_it_answers_from_the_memories_wherever_they_stand(path, request_body):
    answer, body = await post(path, {"model": "m", **request_body})
    assert answer.status == 200
    assert "Biscuit" in text_of(orjson.loads(body))


async def test_a_streamed_message_is_the_whole_message_in_pieces():
    request = {"model": "m", **REQUESTS["/messages"][0]}
    whole = orjson.loads((await post("/messages", request))[1])
    answer, body = await post("/messages", request | {"stream": True})
    events = [orjson.loads(payload) for payload in SseParser().feed(body)]
    assert answer.headers["content-type"] == "text/event-stream"
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    assert "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta") == text_of(whole)
    assert events[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


async def test_a_streamed_response_ends_with_the_whole_response():
    _, body = await post("/responses", {"model": "m", "stream": True, **REQUESTS["/responses"][0]})
    events = [orjson.loads(payload) for payload in SseParser().feed(body)]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert "".join(e["delta"] for e in events if e["type"].endswith("text.delta")) == text_of(events[-1]["response"])


async def test_two_responses_never_share_an_id():
    request = {"model": "m", **REQUESTS["/responses"][0]}
    first, second = [orjson.loads((await post("/responses", request))[1]) for _ in range(2)]
    assert first["id"] != second["id"]
    assert first["output"][0]["content"] == second["output"][0]["content"]
