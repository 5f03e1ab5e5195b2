"""/api/v1/traces: every call, and what its prompt was given and why; for those who may see traces, never content."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from agents.models import Trace
from ibex.core.tenancy import scope
from tests.agents.api.conftest import by_session, by_token
from tests.agents.api.test_agents import error_of
from tests.dashboard.conftest import COMPONENTS, assemble, inject, make_memory, make_session, make_trace, make_turn
from tests.factories import make_agent, make_token

__all__ = ["by_session", "by_token"]


@pytest.fixture
def turn(agent):
    return make_turn(make_session(agent))


@pytest.fixture
def trace(turn):
    with scope(turn.org_id):
        return Trace.objects.get(turn_id=turn.turn_id)


def test_traces_come_latest_first_on_pages_and_without_content(alice, agent, by_token):
    now = timezone.now()
    ids = [str(make_trace(agent, at=now - timedelta(minutes=minute)).pk) for minute in (3, 1, 2)]
    first = by_token(alice, "GET", "/traces?limit=2").json()
    rest = by_token(alice, "GET", f"/traces?limit=2&cursor={first['next_cursor']}").json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [ids[1], ids[2], ids[0]]
    assert rest["next_cursor"] is None
    assert {"stages", "overhead_ms", "level", "status", "request_id"} <= set(first["items"][0])


def test_filters_narrow_the_list(alice, acme, agent, by_token):
    session, other = make_session(agent), make_agent(acme, "Other")
    late = make_trace(agent, session, level=1, is_fallback=True, model="gpt-4o")
    make_trace(other, at=timezone.now() - timedelta(days=1), status=502)
    for query, count in (
        ("", 2),
        (f"agent_id={other.pk}", 1),
        (f"session_id={session.pk}", 1),
        (f"request_id={late.request_id}", 1),
        ("status=502", 1),
        ("level=1", 1),
        ("is_fallback=true", 1),
        ("model=gpt-4o", 1),
        ("endpoint=embeddings", 0),
        (f"started_after={(timezone.now() - timedelta(hours=1)).isoformat().replace('+00:00', 'Z')}", 1),
    ):
        assert len(by_token(alice, "GET", f"/traces?{query}").json()["items"]) == count, query
    for query in ("status=x", "agent_id=x", "nothing=1", "level=9", "status=99999999999"):
        error_of(by_token(alice, "GET", f"/traces?{query}"), 400, "INVALID_REQUEST")


def test_the_receipt_tells_everything_that_was_considered_and_why(alice, agent, turn, trace, by_token):
    dog, cat = make_memory(agent, "Rex is a dog."), make_memory(agent, "Tom is a cat.")
    assemble(turn, level=1, missing=["alive"])
    inject(turn, cat, rank=2, is_packed=False, score=0.2, word_rank=5)
    inject(turn, dog, vector_rank=1, word_rank=2, hot_rank=3)
    answer = by_token(alice, "GET", f"/traces/{trace.pk}/injections")
    receipt = answer.json()
    first, second = receipt["candidates"]
    assert first == {
        "memory_id": str(dog.pk),
        "excerpt_id": None,
        "memory_version": 1,
        "rank": 1,
        "score": 0.77,
        "components": COMPONENTS,
        "arm": "cold",
        "vector_rank": 1,
        "word_rank": 2,
        "hot_rank": 3,
        "tokens": 7,
        "is_packed": True,
        "reason": "",
    }
    assert (second["memory_id"], second["is_packed"], second["reason"]) == (str(cat.pk), False, "below_relevance_floor")
    assert (second["vector_rank"], second["word_rank"]) == (None, 5)
    assert receipt["trace"]["stages"] == {"assemble.cold": 3.0, "assemble": 4.0, "start": 1}
    told = receipt["assembly"]
    assert (told["level"], told["missing"], told["mode"], told["directive_version"]) == (1, ["alive"], "on", 3)
    assert (told["budget"]["window"], told["budget"]["cap"]) == (8_192, 2_000)
    assert "dog" not in answer.content.decode()


def test_the_latest_call_of_a_request_id_can_be_named_by_it(alice, agent, turn, trace, by_token):
    make_trace(agent, request_id=trace.request_id, at=timezone.now() - timedelta(hours=1), status=502)
    for named in (trace.request_id, trace.request_id.upper()):
        shown = by_token(alice, "GET", f"/traces/{named}").json()
        assert shown["id"] == str(trace.pk)


def test_a_call_of_before_the_record_has_none(alice, trace, by_token):
    receipt = by_token(alice, "GET", f"/traces/{trace.pk}/injections").json()
    assert (receipt["assembly"], receipt["candidates"]) == (None, [])


@pytest.mark.parametrize("path", ["", "/injections"])
def test_strangers_are_told_that_there_is_no_such_call(path, alice, bob, victor, charlie, trace, by_token, by_session):
    for named in (trace.pk, trace.request_id):
        error_of(by_token(charlie, "GET", f"/traces/{named}{path}"), 404, "NOT_FOUND")
        for person in (alice, bob, victor):
            assert by_session(person, "GET", f"/traces/{named}{path}").status_code == 200
    assert by_token(charlie, "GET", "/traces").json()["items"] == []
    for unknown in (uuid4(), "x", "1" * 36):
        error_of(by_token(alice, "GET", f"/traces/{unknown}{path}"), 404, "NOT_FOUND")


def test_a_token_needs_the_scope_and_sees_only_its_own_agent(acme, trace, by_token):
    other = make_token(acme, agent=make_agent(acme, "Other"))
    error_of(by_token(other, "GET", f"/traces/{trace.pk}/injections"), 404, "NOT_FOUND")
    assert by_token(other, "GET", "/traces").json()["items"] == []
    error_of(by_token(make_token(acme, scopes=["session:read"]), "GET", "/traces"), 403, "SCOPE_MISSING")
