"""OpenAI's Python SDK with nothing set but `base_url`, `api_key` and `default_headers`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest

from agents.models import Agent, Checkpoint, Organization
from agents.services import directives
from ibex.core.tenancy import scope
from tests.clients.conftest import LEARNED_S
from tests.flow.conftest import Ibex, wait_for

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
CALL = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}}


def user(text):
    return {"role": "user", "content": text}


@pytest.fixture
def client(ibex: Ibex, token: str, agent: Agent) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{ibex.base_url}/v1", api_key=token, default_headers={"X-IBEX-Agent-ID": agent.slug}, max_retries=0
    ) as client:
        yield client


def checkpoints(organization: Organization, count: int) -> list[Checkpoint]:
    def found() -> list[Checkpoint]:
        with scope(organization.pk):
            rows = list(Checkpoint.objects.of(organization.pk).order_by("finished_at"))
        return rows if len(rows) == count else []

    return wait_for(found, what=f"{count} checkpoints")


@pytest.mark.parametrize("provider", ["sandbox", "openai_upstream", "anthropic_upstream"])
def test_chat_whole_and_streamed(client, acme, provider, request):
    if provider != "sandbox":
        request.getfixturevalue(provider)
    whole = client.chat.completions.create(model="m", messages=[user("Hi")])
    stream = client.chat.completions.create(
        model="m", messages=[user("Hello")], stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    streamed = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert streamed.strip() == whole.choices[0].message.content.strip()
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == whole.choices[0].finish_reason == "stop"
    said = [checkpoint.assistant_text.strip() for checkpoint in checkpoints(acme, 2)]
    assert said == [streamed.strip()] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_tools_behind_openais_face(client, acme, anthropic_upstream, stream):
    anthropic_upstream.blocks = [CALL]
    if stream:
        with client.chat.completions.stream(model="m", messages=[user("Weather?")], tools=TOOLS) as events:
            message = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(model="m", messages=[user("Weather?")], tools=TOOLS).choices[0].message
    [call] = message.tool_calls
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("t1", "weather", {"city": "Rome"})
    anthropic_upstream.blocks = [{"type": "text", "text": "Sunny."}]
    answered = message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    history = [user("Weather?"), answered, {"role": "tool", "tool_call_id": "t1", "content": "sun"}]
    final = client.chat.completions.create(model="m", messages=history, tools=TOOLS)
    assert final.choices[0].message.content.strip() == "Sunny."
    sent = anthropic_upstream.received[-1]["messages"]
    assert sent[1]["content"][0]["input"] == {"city": "Rome"}
    assert sent[2]["content"][0]["type"] == "tool_result"
    first, second = checkpoints(acme, 2)
    assert first.session_id == second.session_id


def test_a_directive_is_anthropics_system_prompt(client, acme, agent, anthropic_upstream):
    with scope(acme.pk):
        directives.save(agent, "Be brief.", actor="system")
    client.chat.completions.create(model="m", messages=[{"role": "system", "content": "Be kind."}, user("Hi")])
    sent = anthropic_upstream.received[-1]
    assert [block["text"] for block in sent["system"]] == ["Be brief.", "Be kind."]
    assert anthropic_upstream.headers[-1]["x-api-key"] == "sk-upstream"


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (529, "overloaded_error", openai.InternalServerError),
        (429, "rate_limit_error", openai.RateLimitError),
        (400, "invalid_request_error", openai.BadRequestError),
        (404, "not_found_error", openai.NotFoundError),
    ],
)
def test_anthropics_errors_are_the_sdks_own(client, anthropic_upstream, status, kind, raised):
    anthropic_upstream.error = (status, kind)
    with pytest.raises(raised):
        client.chat.completions.create(model="m", messages=[user("Hi")])


def test_responses_whole_and_streamed_are_one_session(client, acme):
    first = client.responses.create(model="m", input="My dog is called Biscuit.", instructions="Be kind.")
    assert "sandbox" in first.output_text.lower()
    with client.responses.stream(model="m", input="And my cat Tom.", previous_response_id=first.id) as events:
        second = events.get_final_response()
    assert second.status == "completed"
    history = [user("In short: a dog."), *[item.model_dump() for item in second.output], user("So?")]
    client.responses.create(model="m", input=history)
    turns = checkpoints(acme, 3)
    assert len({turn.session_id for turn in turns}) == 1
    assert [turn.user_text for turn in turns] == ["My dog is called Biscuit.", "And my cat Tom.", "So?"]
    assert turns[1].assistant_text == second.output_text


def test_a_response_knows_the_directive_and_the_memories(client, acme, agent):
    def recalled() -> bool:
        answer = client.responses.with_raw_response.create(
            model="m", input="What is my dog called?", extra_headers={"X-IBEX-Memory": "read"}
        )
        return int(answer.headers["X-IBEX-Memories-Injected"]) > 0 and "Biscuit" in answer.parse().output_text

    client.responses.create(model="m", input="My dog is called Biscuit.")
    assert wait_for(recalled, seconds=LEARNED_S, what="a memory in a response")


def test_embeddings_and_models(client):
    assert len(client.embeddings.create(model="m", input=["a", "b"]).data) == 2
    assert [model.id for model in client.models.list()] == ["ibex-sandbox"]


async def test_the_async_client_works_the_same(ibex, token, agent):
    async with openai.AsyncOpenAI(
        base_url=f"{ibex.base_url}/v1", api_key=token, default_headers={"X-IBEX-Agent-ID": agent.slug}
    ) as client:
        stream = await client.chat.completions.create(model="m", messages=[user("Hi")], stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
