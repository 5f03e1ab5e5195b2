"""/v1/messages as Anthropic's SDK speaks it, without the SDK: its requests, and the bytes that it reads."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest

from agents.models import Checkpoint
from agents.services import directives
from ibex.core.tenancy import scope
from tests.clients.conftest import LEARNED_S
from tests.flow.conftest import wait_for

BODY = {"model": "claude-x", "max_tokens": 50, "messages": [{"role": "user", "content": "My dog is called Biscuit."}]}


@pytest.fixture
def post(ibex, token, agent):
    """Send a body as the SDK does; returns status, headers and body."""

    def post(body, **headers):
        connection = http.client.HTTPConnection(urlsplit(ibex.base_url).netloc, timeout=30)
        sent = {"x-api-key": token, "anthropic-version": "2023-06-01", "Content-Type": "application/json"}
        try:
            connection.request(
                "POST", "/v1/messages", json.dumps(body), sent | {"X-IBEX-Agent-ID": agent.slug} | headers
            )
            with connection.getresponse() as response:
                return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    return post


def checkpoint(organization):
    def found():
        with scope(organization.pk):
            return Checkpoint.objects.of(organization.pk).first()

    return wait_for(found, what="the checkpoint")


def test_native_bytes_pass_unchanged_in_both_directions(post, acme, anthropic_upstream):
    status, headers, body = post(BODY | {"stream": True, "top_k": 5})
    assert (status, body) == (200, b"".join(anthropic_upstream.events()))
    assert anthropic_upstream.received == [BODY | {"stream": True, "top_k": 5}]
    assert anthropic_upstream.headers[0]["x-api-key"] == "sk-upstream"
    turn = checkpoint(acme)
    assert (turn.user_text, turn.assistant_text.strip()) == ("My dog is called Biscuit.", "Understood, and noted.")
    assert (turn.is_complete, turn.prompt_tokens, turn.completion_tokens) == (True, 11, 3)
    assert str(turn.session_id) == {name.lower(): value for name, value in headers.items()}["x-ibex-session-id"]


NOT_FOR_PROVIDERS = {
    "Cookie": "session=secret",
    "Proxy-Authorization": "Basic c2VjcmV0",
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Host": "ibex.example.test",
    "X-Real-IP": "192.0.2.1",
    "Forwarded": "for=192.0.2.1",
    "Referer": "https://example.test/secret",
    "Origin": "https://example.test",
    "User-Agent": "a client",
    "X-Stainless-OS": "Linux",
    "X-Request-ID": "0b7a7f0e-3c1c-4d53-9a3e-0d6a52f2ce11",
    "X-IBEX-User-ID": "kim",
    "X-IBEX-Session-ID": "chat-1",
    "OpenAI-Organization": "org-of-the-caller",
    "X-Own": "anything",
}
OF_IBEX = {"host", "content-type", "content-length", "accept", "accept-encoding", "connection", "user-agent"}


def test_a_provider_gets_anthropics_own_headers_from_the_caller_and_no_others(post, anthropic_upstream):
    said = {"anthropic-beta": "extended-cache-ttl-2025-04-11, x", "anthropic-version": "2024-01-01"}
    assert post(BODY, **said | NOT_FOR_PROVIDERS)[0] == 200
    [sent] = anthropic_upstream.headers
    assert {name: sent[name] for name in said} == said
    assert sent["x-api-key"] == "sk-upstream"
    assert set(sent) <= OF_IBEX | said.keys() | {"x-api-key"}
    assert not set(sent.values()) & set(NOT_FOR_PROVIDERS.values())


def test_a_provider_of_the_other_language_gets_no_more_than_that(post, openai_upstream):
    assert post(BODY, **NOT_FOR_PROVIDERS)[0] == 200
    [sent] = openai_upstream.headers
    assert sent["authorization"] == "Bearer sk-upstream"
    assert set(sent) <= OF_IBEX | {"authorization", "anthropic-version"}
    assert not set(sent.values()) & set(NOT_FOR_PROVIDERS.values())


def test_a_whole_message_passes_unchanged_too(post, anthropic_upstream):
    status, _, body = post(BODY)
    assert (status, json.loads(body)) == (200, anthropic_upstream.message())


def test_the_sandbox_speaks_it(post, acme):
    status, _, body = post(BODY)
    said = json.loads(body)
    assert (status, said["type"], said["stop_reason"]) == (200, "message", "end_turn")
    assert checkpoint(acme).assistant_text == said["content"][0]["text"]


def test_a_message_knows_the_directive_and_the_memories(post, acme, agent, anthropic_upstream):
    with scope(acme.pk):
        directives.save(agent, "Be brief.", actor="system")
    post(BODY)
    question = BODY | {"messages": [{"role": "user", "content": "What is my dog called?"}]}

    def recalled():
        post(question, **{"X-IBEX-Memory": "read"})
        [message] = anthropic_upstream.received[-1]["messages"]
        return message["content"] if "Biscuit" in message["content"] else ""

    content = wait_for(recalled, seconds=LEARNED_S, what="a memory in a message")
    assert content.endswith("\n\nWhat is my dog called?")
    assert anthropic_upstream.received[-1]["system"] == "Be brief."


def test_a_provider_that_speaks_openais_language_answers_too(post, acme, openai_upstream):
    status, _, body = post(BODY)
    said = json.loads(body)
    assert (status, said["type"], said["content"]) == (200, "message", [{"type": "text", "text": "Understood."}])
    assert openai_upstream.received[-1]["max_tokens"] == 50
    assert checkpoint(acme).assistant_text == "Understood."


@pytest.mark.parametrize(
    ("change", "headers", "status", "kind"),
    [
        ({"max_tokens": None}, {}, 400, "invalid_request_error"),
        ({}, {"x-api-key": "nonsense"}, 401, "authentication_error"),
        ({}, {"X-IBEX-Agent-ID": "no-such-agent"}, 403, "permission_error"),
        ({}, {"Content-Type": "text/plain"}, 415, "invalid_request_error"),
    ],
)
def test_errors_have_anthropics_shape_and_ibexs_fields(post, change, headers, status, kind):
    found, _, body = post(BODY | change, **headers)
    said = json.loads(body)
    assert (found, said["type"], said["error"]["type"]) == (status, "error", kind)
    assert {"code", "message", "request_id", "field_errors"} <= said["error"].keys()
    assert "Biscuit" not in body.decode()
