"""The whole loop with the real SDK against real processes: said once, remembered in the next conversation."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from agents.choices import ProviderKind
from agents.models import Agent, Checkpoint, Organization, ProviderConnection, Session, Trace
from agents.services import directives
from context.selectors import injections_of_turns
from ibex.core.tenancy import scope
from memories.models import Memory
from tests.factories import make_token
from tests.flow.conftest import Ibex, Upstream, wait_for

DIRECTIVE = "You are the assistant of a small clinic. Be brief."
NEWS = "My dog is called Biscuit and I'm allergic to peanuts."
LEARNED_WITHIN_S = 30


@pytest.fixture
def client(ibex: Ibex, acme: Organization, agent: Agent) -> openai.OpenAI:
    """An application: nothing is set but what the README says."""
    return openai.OpenAI(
        base_url=f"{ibex.base_url}/v1", api_key=make_token(acme), default_headers={"X-IBEX-Agent-ID": agent.slug}
    )


@pytest.fixture
def upstream_provider(acme: Organization, upstream: Upstream) -> Upstream:
    """Acme's only provider is the upstream."""
    with scope(acme.pk):
        ProviderConnection.objects.of(acme.pk).delete()
        provider = ProviderConnection(org=acme, name="Upstream", kind=ProviderKind.OPENAI, base_url=upstream.base_url)
        provider.set_key("sk-upstream")
        provider.save()
    return upstream


def say(client: openai.OpenAI, *messages: Any, **options: Any) -> Any:
    return client.chat.completions.with_raw_response.create(model="gpt-4o", messages=list(messages), **options)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def learned(organization: Organization, word: str) -> Memory | None:
    with scope(organization.pk):
        return Memory.objects.of(organization.pk).filter(content__contains=word, status="active").first()


def test_what_was_said_once_is_in_the_prompt_of_the_next_conversation(client, acme, agent, upstream_provider):
    with scope(acme.pk):
        directives.save(agent, DIRECTIVE, actor="system")
    first = say(client, user(NEWS))
    assert first.parse().choices[0].message.content == "Understood."
    wait_for(lambda: learned(acme, "Biscuit"), seconds=LEARNED_WITHIN_S, what="a memory of Biscuit")

    second = say(client, user("What is my dog called?"))

    sent = upstream_provider.received[-1]["messages"]
    assert sent[0] == {"role": "system", "content": DIRECTIVE}
    assert sent[-1] == user("What is my dog called?")
    block = sent[-2]
    assert block["role"] == "system"
    assert "Biscuit" in block["content"]
    assert "<memory " in block["content"]
    assert int(second.headers["X-IBEX-Memories-Injected"]) >= 1
    assert int(second.headers["X-IBEX-Context-Tokens"]) > 0
    assert second.headers["X-IBEX-Session-ID"] != first.headers["X-IBEX-Session-ID"]
    assert "assemble;dur=" in second.headers["Server-Timing"]


def test_with_time_enough_nothing_is_left_out(client, acme):
    say(client, user(NEWS))

    def is_complete() -> bool:
        return say(client, user("What is my dog called?")).headers["X-IBEX-Context-Fallback"] == "false"

    # On a busy machine a search may be late; it is not late each time.
    assert wait_for(is_complete, what="an assembly within its deadline")


def test_the_sandbox_answers_from_what_it_was_told(client, acme):
    say(client, user(NEWS))
    wait_for(lambda: learned(acme, "Biscuit"), seconds=LEARNED_WITHIN_S, what="a memory of Biscuit")
    answer = say(client, user("What is my dog called?")).parse().choices[0].message.content
    assert "sandbox" in answer.lower()
    assert "Biscuit" in answer


def test_a_stream_is_the_upstreams_own_bytes_and_is_remembered_too(client, acme, upstream_provider):
    upstream_provider.reply = "Noted with pleasure."
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o", messages=[user(NEWS)], stream=True
    ) as response:
        received = b"".join(response.iter_bytes())
        session_id = response.headers["X-IBEX-Session-ID"]
        assert response.headers["X-IBEX-Memories-Injected"] == "0"
    assert received == b"".join(upstream_provider.words())
    memory = wait_for(lambda: learned(acme, "peanuts"), seconds=LEARNED_WITHIN_S, what="a memory of peanuts")
    assert str(memory.session_id) == session_id
    assert "peanuts" in memory.evidence


def test_nothing_of_the_request_is_lost_on_the_way(client, upstream_provider):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    message = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    options = {"tools": tools, "seed": 7, "extra_body": {"vendor_flag": {"deep": [1, None]}}}
    say(client, message, **options)
    sent = upstream_provider.received[-1]
    assert sent == {
        "model": "gpt-4o",
        "messages": [message],
        "tools": tools,
        "seed": 7,
        "vendor_flag": {"deep": [1, None]},
    }
    assert upstream_provider.headers[-1]["authorization"] == "Bearer sk-upstream"


def test_a_growing_history_is_one_session_with_one_turn_a_call(client, acme):
    history: list[Any] = []
    sessions = set()
    for text in ("I live in Lisbon.", "I work as a baker.", "I get up at four."):
        history.append(user(text))
        response = say(client, *history)
        sessions.add(response.headers["X-IBEX-Session-ID"])
        history.append({"role": "assistant", "content": response.parse().choices[0].message.content})
    assert len(sessions) == 1

    def turns() -> list[str]:
        with scope(acme.pk):
            found = list(Checkpoint.objects.of(acme.pk).filter(session_id=sessions.copy().pop()).order_by("number"))
        return [turn.user_text for turn in found] if len(found) == 3 else []

    assert wait_for(turns, what="three checkpoints") == ["I live in Lisbon.", "I work as a baker.", "I get up at four."]


def test_every_call_leaves_a_trace_and_what_was_injected(client, acme):
    say(client, user(NEWS))
    wait_for(lambda: learned(acme, "Biscuit"), seconds=LEARNED_WITHIN_S, what="a memory of Biscuit")
    request_id = say(client, user("What is my dog called?")).headers["X-Request-ID"]

    def trace() -> Trace | None:
        with scope(acme.pk):
            return Trace.objects.of(acme.pk).filter(request_id=request_id).first()

    found = wait_for(trace, what="the trace")
    assert found.status == 200
    assert {"authenticate", "start", "assemble", "provider"} <= found.stages.keys()
    with scope(acme.pk):
        injections = injections_of_turns(acme.pk, [found.turn_id])[found.turn_id]
        session = Session.objects.get(pk=found.session_id)
    assert any(injection.is_packed for injection in injections)
    assert set(injections[0].components) == {"relevance", "recency", "usefulness", "confidence", "frequency"}
    assert session.turn_count == 1


def test_memory_off_neither_reads_nor_learns(client, acme, upstream_provider):
    say(client, user(NEWS), extra_headers={"X-IBEX-Memory": "off"})

    def checkpoint() -> Checkpoint | None:
        with scope(acme.pk):
            return Checkpoint.objects.of(acme.pk).first()

    assert wait_for(checkpoint, what="the checkpoint").may_learn is False
    assert upstream_provider.received[-1]["messages"] == [user(NEWS)]


def test_errors_are_ones_that_the_sdk_understands(ibex, client, agent, charlie):
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="gpt-4o", messages=[])
    assert bad.value.code == "INVALID_REQUEST"
    assert bad.value.body["field_errors"][0]["field"] == "messages"
    stranger = openai.OpenAI(
        base_url=f"{ibex.base_url}/v1", api_key=charlie.token, default_headers={"X-IBEX-Agent-ID": agent.slug}
    )
    with pytest.raises(openai.PermissionDeniedError) as foreign:
        say(stranger, user("Hello"))
    unknown = stranger.with_options(default_headers={"X-IBEX-Agent-ID": "no-such-agent"})
    with pytest.raises(openai.PermissionDeniedError) as missing:
        say(unknown, user("Hello"))
    said = [json.loads(e.value.response.content)["error"] for e in (foreign, missing)]
    assert [error.pop("request_id") for error in said]
    assert said[0] == said[1]
    assert said[0]["code"] == "AGENT_NOT_AUTHORIZED"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{ibex.base_url}/v1", api_key="nonsense").models.list()


def test_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["ibex-sandbox"]
