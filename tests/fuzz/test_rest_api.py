"""Every operation of the REST API, as its own OpenAPI document describes it: what fits and what does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.test import AsyncClient, Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core import NotSet

from agents.choices import ProviderKind
from agents.models import Agent, Organization, ProviderConnection
from agents.services import tokens
from ibex.core.ids import parse_uuid
from ibex.core.tenancy import scope
from tests.factories import Person, make_agent
from tests.fuzz.calling import FIELDS
from tests.fuzz.effort import efforts
from tests.fuzz.hostile import CANARY, QUERY_TEXTS, bodies, written
from tests.memories.making import make_session, remember

DOCUMENT = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
OPERATIONS = {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in DOCUMENT.get_all_operations()}
JSON = "application/json"
QUOTED_FROM = 12
"""Characters: a shorter text of the caller's may stand in an answer by chance."""
IN_A_WEB_PROCESS = {"/api/v1/context/preview"}
"""They assemble as a call does, with what a web process opens, and so in its event loop."""
SLOW = {"POST /api/v1/providers/{id}/test"}
"""They ask another server; what they are sent decides nothing."""

Send = Callable[[Case], Any]
Put = Callable[[str, str, bytes, dict[str, str]], Any]


@pytest.fixture
def ids(org: Organization, agents_by_mode: dict[str, Agent]) -> dict[str, list[str]]:
    """Ids of rows that are there, by the resource in the address; the test may delete them."""
    agent = make_agent(org, "Spare")
    session = make_session(agent)
    memory = remember(agent, "Bea lives in Bergen.")
    with scope(org.pk), unthrottled():
        provider = ProviderConnection.objects.create(org=org, name="Spare", kind=ProviderKind.SANDBOX)
        token, _ = tokens.create(org=org, name="spare", scopes=["memory:read"], actor="system")
    rows = {"agents": agent, "memories": memory, "providers": provider, "tokens": token, "sessions": session}
    return {name: [str(row.pk)] for name, row in rows.items()}


@pytest.fixture
def put(loop: asyncio.Runner) -> Put:
    """Send a body to an address, whichever process it needs."""
    client = Client(raise_request_exception=False)
    in_web_process = AsyncClient(raise_request_exception=False)

    def put(method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        with unthrottled():
            if path in IN_A_WEB_PROCESS:
                return loop.run(in_web_process.generic(method, path, body, JSON, headers=headers))
            return client.generic(method, path, body, JSON, headers=headers)

    return put


@pytest.fixture
def send(owner: Person, put: Put) -> Send:
    """Send a case as the owner, and look at the answer."""

    def send(case: Case) -> Any:
        query = urlencode(dict(case.query or {}), doseq=True, errors="replace")
        path = case.formatted_path + (f"?{query}" if query else "")
        body = b"" if isinstance(case.body, NotSet) else _bytes(case.body)
        headers = {name: value for name, value in (case.headers or {}).items() if name.lower() == "idempotency-key"}
        headers |= {"Authorization": f"Bearer {owner.token}"}
        answer = put(case.method, path, body, headers)
        assert_sound(answer, [*texts_in(case.body), *texts_in(dict(case.query or {}))])
        return answer

    return send


@contextmanager
def unthrottled() -> Iterator[None]:
    """Creating tokens is throttled, which is not what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "CREATIONS_PER_MINUTE", 10_000_000)
        yield


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def texts_in(value: Any) -> Iterator[str]:
    """Every longer text that was sent as a value."""
    if isinstance(value, str) and len(value) >= QUOTED_FROM:
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


def assert_sound(answer: Any, sent: list[str]) -> None:
    """As `Answer.assert_sound`, for Django's responses; a success may show what it stored."""
    assert answer.status_code < 500 or is_busy(answer), (str(answer.request)[:1_500], answer.content[:800])
    if answer.status_code < 400:
        return
    said = answer.content.decode()
    error = answer.json()["error"]
    assert error.keys() >= FIELDS
    assert parse_uuid(error["request_id"])
    assert error["request_id"] == answer["X-Request-ID"]
    assert CANARY not in said
    assert not [text for text in sent if text in said]


def is_busy(answer: Any) -> bool:
    """The model has more to do than it can, on a machine that runs other tests besides."""
    return answer.status_code == 503 and answer.json()["error"]["code"] == "EMBEDDING_BUSY"


@st.composite
def cases(draw: st.DrawFn, operation: Any, ids: dict[str, list[str]]) -> Case:
    """What the document allows or forbids; often about a row that is there."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case: Case = draw(operation.as_strategy(generation_mode=mode))
    resource = operation.path.split("/")[3]
    if "id" in (case.path_parameters or {}) and ids.get(resource) and draw(st.integers(0, 3)):
        case.path_parameters["id"] = draw(st.sampled_from(ids[resource]))
    return case


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - SLOW))
@efforts(few=6, many=500)
def test_an_operation_answers_whatever_it_is_sent(
    send: Send, ids: dict[str, list[str]], name: str, effort: settings
) -> None:
    @effort
    @given(cases(OPERATIONS[name], ids))
    def run(case: Case) -> None:
        send(case)

    run()


def _filters(operation: Any) -> list[tuple[str, list[str]]]:
    """Names of the query parameters that the document gives, each with words to try."""
    given = [one for one in operation.definition.raw.get("parameters", []) if one["in"] == "query"]
    return [(one["name"], QUERY_TEXTS if _is_free(one["schema"]) else QUERY_TEXTS[::5]) for one in given]


def _is_free(schema: dict[str, Any]) -> bool:
    """A text or a time; not one of a few words, a flag or an id."""
    return schema.get("type") == "string" and "enum" not in schema and schema.get("format") != "uuid"


PAGED = {"cursor", "limit"}
"""Every list has them, from one class: one list's are tried."""
FILTERED = [
    pytest.param(name, one, words, id=f"{name}-{one}")
    for name, operation in sorted(OPERATIONS.items())
    for one, words in _filters(operation)
    if one not in PAGED or name == "GET /api/v1/agents"
]


@pytest.mark.parametrize(("name", "filter_name", "words"), FILTERED)
def test_a_filter_takes_any_words(
    owner: Person, ids: dict[str, list[str]], name: str, filter_name: str, words: list[str]
) -> None:
    method, path = name.split()
    path = path.replace("{id}", ids.get(path.split("/")[3], [""])[0])
    client = Client(raise_request_exception=False)
    for text in words:
        query = urlencode({filter_name: text})
        assert_sound(client.generic(method, path, QUERY_STRING=query, headers=owner.bearer), [])


VALID = {
    "POST /api/v1/agents": {"name": CANARY, "description": CANARY, "memory_tokens": 9, "idle_minutes": 5},
    "POST /api/v1/tokens": {"name": CANARY, "scopes": ["memory:read"], "expires_at": "2099-01-01T00:00:00Z"},
    "POST /api/v1/providers": {
        "name": CANARY, "kind": "openai", "base_url": "https://models.example.test/v1", "key": CANARY,
        "model_patterns": ["none-*"], "priority": 9,
    },
    "POST /api/v1/memories": {
        "content": CANARY, "category": "factual", "labels": [{"name": CANARY, "confidence": 0.5}], "tags": [CANARY],
        "end_user": "ann", "confidence": 1, "valid_from": "2026-01-01T00:00:00Z", "metadata": {"a": CANARY},
    },
    "POST /api/v1/context/preview": {
        "api": "chat", "end_user": "ann", "session_id": "talk", "memory": "on",
        "request": {"model": "ibex-sandbox", "messages": [{"role": "user", "content": CANARY}]},
    },
    "POST /api/v1/memories/search": {"query": CANARY, "limit": 5, "categories": ["factual"], "end_user": "ann"},
    "POST /api/v1/memories/bulk-delete": {"ids": ["01a20090-9c30-70af-85f1-129e92e734a7"], "confirm": True},
    "PATCH /api/v1/memories/{id}": {
        "content": "Bea lives in Stavanger.", "labels": [{"name": "home", "confidence": 0.5}], "tags": ["a"],
        "valid_until": "2027-01-01T00:00:00Z", "expires_at": None, "is_pinned": False, "metadata": {"a": 1},
    },
    "PATCH /api/v1/agents/{id}": {"name": "Spare", "learns": True, "injection_mode": "system_first"},
    "PATCH /api/v1/providers/{id}": {"name": "Spare", "model_patterns": ["none-*"], "priority": 9, "is_active": False},
    "PUT /api/v1/agents/{id}/directive": {"content": CANARY, "note": CANARY},
}  # fmt: skip


OF_AN_AGENT = {"POST /api/v1/memories", "POST /api/v1/context/preview"}
"""Their bodies name it."""


@pytest.mark.parametrize("name", sorted(VALID))
@efforts(few=15, many=1_500)
def test_a_valid_body_gone_wrong_is_stored_or_refused(
    owner: Person, put: Put, ids: dict[str, list[str]], name: str, effort: settings
) -> None:
    method, path = name.split()
    path = path.replace("{id}", ids.get(path.split("/")[3], [""])[0])
    valid = VALID[name] | ({"agent_id": ids["agents"][0]} if name in OF_AN_AGENT else {})

    @effort
    @given(bodies([valid]))
    def run(body: bytes) -> None:
        assert_sound(put(method, path, body, owner.bearer), [])

    answer = put(method, path, written(valid), owner.bearer)
    assert answer.status_code in {200, 201}, answer.content
    run()
