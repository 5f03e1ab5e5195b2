"""OpenAI's SDK asks for responses, Anthropic answers: the whole stack between them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest
from pydantic import BaseModel

from agents.models import Agent, Checkpoint, Organization
from agents.services import directives
from ibex.core.tenancy import scope
from tests.clients.conftest import AnthropicUpstream, anthropic_upstream
from tests.factories import make_token
from tests.flow.conftest import Ibex, wait_for

__all__ = ["anthropic_upstream"]

TOOLS = [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": False}]
CALL = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}}
PNG = "data:image/png;base64,iVBORw0K"


@pytest.fixture
def client(
    ibex: Ibex, acme: Organization, agent: Agent, anthropic_upstream: AnthropicUpstream
) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{ibex.base_url}/v1",
        api_key=make_token(acme),
        default_headers={"X-IBEX-Agent-ID": agent.slug},
        max_retries=0,
    ) as client:
        yield client


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def checkpoints(organization: Organization, count: int) -> list[Checkpoint]:
    def found() -> list[Checkpoint]:
        with scope(organization.pk):
            rows = list(Checkpoint.objects.of(organization.pk).order_by("finished_at"))
        return rows if len(rows) == count else []

    return wait_for(found, what=f"{count} checkpoints")


def ask(client: openai.OpenAI, *, stream: bool, **request):
    if not stream:
        return client.responses.create(model="m", **request)
    with client.responses.stream(model="m", **request) as events:
        return events.get_final_response()


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_with_instructions_directive_and_an_image(client, acme, agent, anthropic_upstream, stream):
    with scope(acme.pk):
        directives.save(agent, "Be brief.", actor="system")
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PNG}]
    said = ask(client, stream=stream, instructions="Be kind.", input=[{"role": "user", "content": parts}])
    assert (said.status, said.output_text.strip()) == ("completed", "Understood, and noted.")
    assert (said.usage.input_tokens, said.usage.output_tokens) == (11, 3)
    [sent] = anthropic_upstream.received
    assert [block["text"] for block in sent["system"]] == ["Be kind.", "Be brief."]
    assert [block["type"] for block in sent["messages"][0]["content"]] == ["text", "image"]
    assert sent.get("stream", False) is stream
    [turn] = checkpoints(acme, 1)
    assert (turn.user_text, turn.assistant_text) == ("What is this?", said.output_text)
    assert (turn.prompt_tokens, turn.completion_tokens, turn.is_complete) == (11, 3, True)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_output_read_in_one_session(client, acme, anthropic_upstream, stream):
    anthropic_upstream.blocks = [{"type": "text", "text": "Let me look."}, CALL]
    first = ask(client, stream=stream, input="Weather?", tools=TOOLS)
    [call] = [item for item in first.output if item.type == "function_call"]
    assert (call.call_id, call.name, json.loads(call.arguments)) == ("t1", "weather", {"city": "Rome"})
    anthropic_upstream.blocks = [{"type": "text", "text": "Sunny."}]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sun"}
    history = [user("Weather?"), *[item.to_dict(mode="json") for item in first.output], output]
    final = ask(client, stream=stream, input=history, tools=TOOLS)
    assert final.output_text.strip() == "Sunny."
    sent = anthropic_upstream.received[-1]["messages"]
    assert [block["type"] for block in sent[1]["content"]] == ["text", "tool_use"]
    assert sent[2]["content"][0]["tool_use_id"] == "t1"
    one, two = checkpoints(acme, 2)
    assert one.session_id == two.session_id
    assert [(turn.user_text, len(turn.tool_calls)) for turn in (one, two)] == [("Weather?", 1), ("", 0)]


def test_the_sdk_reads_every_event_and_a_wanted_form(client, anthropic_upstream):
    class Place(BaseModel):
        city: str

    anthropic_upstream.blocks = [{"type": "text", "text": '{"city":"Rome"}'}]
    with client.responses.stream(model="m", input="Where?", text_format=Place) as events:
        kinds = [event.type for event in events]
        parsed = events.get_final_response().output_parsed
    assert parsed == Place(city="Rome")
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "JSON" in anthropic_upstream.received[0]["system"][-1]["text"]


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("previous_response_id", {"input": "Hi", "previous_response_id": "resp_1"}),
        ("tools[0].type", {"input": "Hi", "tools": [{"type": "web_search"}]}),
        ("input", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    ],
)
def test_what_anthropic_has_no_word_for_is_named(client, anthropic_upstream, field, request_):
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="m", **request_)
    assert refused.value.param == field
    assert anthropic_upstream.received == []


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [(529, "overloaded_error", openai.InternalServerError), (429, "rate_limit_error", openai.RateLimitError)],
)
def test_anthropics_errors_are_the_sdks_own(client, anthropic_upstream, status, kind, raised):
    anthropic_upstream.error = (status, kind)
    for stream in (False, True):
        with pytest.raises(raised):
            ask(client, stream=stream, input="Hi")
