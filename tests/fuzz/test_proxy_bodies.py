"""Whatever body is sent to the addresses under /v1: a whole refusal or an answer, and a turn that can be kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.models import Agent, Organization
from ibex.core.redis import redis
from proxy.dead_letters import dead_letters_key
from proxy.drain import Drain
from tests.fuzz.conftest import Ask
from tests.fuzz.effort import efforts
from tests.fuzz.hostile import CANARY, bodies, hostile_values, json_values, written

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}}
TEXT = {"type": "text", "text": CANARY}

VALID: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [
        {"model": "m", "messages": [{"role": "user", "content": CANARY}], "temperature": 1, "max_tokens": 9},
        {
            "model": "m",
            "stream": True,
            "stream_options": {"include_usage": True},
            "user": "ann",
            "metadata": {"a": CANARY},
            "messages": [
                {"role": "system", "content": CANARY},
                {"role": "user", "content": [TEXT, IMAGE]},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call_1", "content": CANARY},
                {"role": "user", "content": "And now?", "name": "ann"},
            ],
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"maximum": 9}}},
        },
    ],
    "/v1/responses": [
        {"model": "m", "input": CANARY, "instructions": CANARY, "max_output_tokens": 9, "temperature": 0},
        {
            "model": "m",
            "stream": True,
            "safety_identifier": "ann",
            "previous_response_id": "resp_1",
            "conversation": {"id": "conv_1"},
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": CANARY}]},
                {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": CANARY}]},
                {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": CANARY},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": CANARY}]},
                {"role": "user", "content": "And now?"},
            ],
            "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}],
            "reasoning": {"effort": "low"},
        },
    ],
    "/v1/messages": [
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": CANARY}], "system": CANARY},
        {
            "model": "m",
            "max_tokens": 9,
            "stream": True,
            "metadata": {"user_id": "ann"},
            "system": [{**TEXT, "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": [TEXT]},
                {"role": "assistant", "content": [TEXT, {"type": "tool_use", "id": "t", "name": "x", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [TEXT]}, TEXT]},
            ],
            "tools": [{"name": "x", "input_schema": {"type": "object"}}],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
    ],
    "/v1/embeddings": [
        {"model": "m", "input": CANARY},
        {"model": "m", "input": [CANARY, "b"], "dimensions": 9, "encoding_format": "base64", "user": "ann"},
        {"model": "m", "input": [[1, 2], [3]]},
    ],
}


@pytest.fixture(scope="module", autouse=True)
def every_turn_can_be_kept(loop: object, org: Organization) -> Iterator[None]:
    """What was answered goes through the drain into the vault: no turn is buried."""
    yield
    moving = Drain()
    moving.open()
    while moving.step(block_ms=0):
        pass
    assert redis().xlen(dead_letters_key(org.pk)) == 0


@pytest.mark.parametrize("path", sorted(VALID))
@efforts(few=80, many=4_000)
def test_a_valid_body_gone_wrong_is_answered_or_refused(
    ask: Ask, agents_by_mode: dict[str, Agent], path: str, effort: settings
) -> None:
    slugs = [agent.slug.encode() for agent in agents_by_mode.values()]

    @effort
    @given(bodies(VALID[path]), st.sampled_from(slugs))
    def send(body: bytes, slug: bytes) -> None:
        ask(path, body, [(b"x-ibex-agent-id", slug)]).assert_sound()

    send()


@pytest.mark.parametrize("path", sorted(VALID))
@efforts(few=40, many=2_000)
def test_any_json_and_any_bytes_are_refused(ask: Ask, path: str, effort: settings) -> None:
    @effort
    @given(st.binary(max_size=64) | json_values.map(written) | hostile_values.map(written))
    def send(body: bytes) -> None:
        answer = ask(path, body)
        answer.assert_sound()
        assert answer.status in {400, 413}

    send()


@pytest.mark.parametrize("path", sorted(VALID))
def test_the_valid_bodies_are_answered(ask: Ask, path: str) -> None:
    assert [ask(path, written(body)).status for body in VALID[path]] == [200] * len(VALID[path])


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
@efforts(few=25, many=2_000)
def test_a_preview_of_a_body_gone_wrong_is_shown_or_refused(ask: Ask, api: str, effort: settings) -> None:
    valid = VALID["/v1/chat/completions" if api == "chat" else f"/v1/{api}"]

    @effort
    @given(bodies(valid) | st.binary(max_size=64) | json_values.map(written))
    def send(body: bytes) -> None:
        ask("/v1/context/preview", body, query=f"api={api}".encode()).assert_sound()

    assert ask("/v1/context/preview", written(valid[0]), query=f"api={api}".encode()).status == 200
    send()
