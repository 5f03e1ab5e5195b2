from __future__ import annotations

from uuid import uuid4

import pytest

from agents.models import Agent, Organization, Token
from ibex.core import idempotency
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.factories import Person

NEW = {"name": "CI", "scopes": ["memory:read"]}


@pytest.fixture
def key() -> str:
    return f"order {uuid4()}"


def test_a_write_sent_twice_happens_once_and_is_answered_alike(
    alice: Person, acme: Organization, by_token: Call, key: str
) -> None:
    first, second = (by_token(alice, "POST", "/tokens", NEW, Idempotency_Key=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotent-Replay" not in first
    assert second["Idempotent-Replay"] == "true"
    with scope(acme.pk):
        assert Token.objects.filter(name="CI").count() == 1


def test_an_answer_without_a_body_is_replayed_too(alice: Person, agent: Agent, by_token: Call, key: str) -> None:
    answers = [by_token(alice, "DELETE", f"/agents/{agent.pk}", Idempotency_Key=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]


def test_a_key_belongs_to_one_request(alice: Person, by_token: Call, key: str) -> None:
    by_token(alice, "POST", "/tokens", NEW, Idempotency_Key=key)
    other = by_token(alice, "POST", "/tokens", {**NEW, "name": "Other"}, Idempotency_Key=key)
    error_of(other, 409, "CONFLICT")
    error_of(by_token(alice, "POST", "/agents", NEW, Idempotency_Key=key), 409, "CONFLICT")


def test_keys_of_two_callers_never_meet(alice: Person, bob: Person, charlie: Person, by_token: Call, key: str) -> None:
    answers = [by_token(who, "POST", "/tokens", NEW, Idempotency_Key=key) for who in (alice, bob, charlie)]
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_while_the_first_is_running_the_second_is_told_so(
    alice: Person, by_token: Call, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's process dies before it can keep its answer."""
    monkeypatch.setattr(idempotency, "_keep", lambda place, response: None)
    assert by_token(alice, "POST", "/tokens", NEW, Idempotency_Key=key).status_code == 201
    error_of(by_token(alice, "POST", "/tokens", NEW, Idempotency_Key=key), 409, "CONFLICT")


def test_a_refused_request_may_be_sent_again(alice: Person, agent: Agent, by_token: Call, key: str) -> None:
    path = f"/agents/{agent.pk}/directive/rollback"
    error_of(by_token(alice, "POST", path, {"version": 1}, Idempotency_Key=key), 404, "NOT_FOUND")
    by_token(alice, "PUT", f"/agents/{agent.pk}/directive", {"content": "One"})
    assert by_token(alice, "POST", path, {"version": 1}, Idempotency_Key=key).status_code == 200


def test_a_secret_is_not_readable_where_answers_are_kept(
    alice: Person, acme: Organization, by_token: Call, key: str
) -> None:
    secret = by_token(alice, "POST", "/tokens", NEW, Idempotency_Key=key).json()["secret"]
    kept = [redis().get(name) for name in redis().scan_iter(f"{acme.pk}:idempotency:*")]
    assert len(kept) == 1
    assert secret.encode() not in kept[0]


def test_a_key_that_is_too_long_is_refused(alice: Person, by_token: Call) -> None:
    response = by_token(alice, "POST", "/tokens", NEW, Idempotency_Key="k" * 256)
    assert fields_of(error_of(response, 400, "INVALID_REQUEST")) == {"Idempotency-Key": "TOO_LONG"}


def test_without_redis_a_promise_is_not_made(
    alice: Person, acme: Organization, by_token: Call, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis import Redis

    nowhere = Redis.from_url("unix:///nonexistent/ibex.sock")
    monkeypatch.setattr(idempotency, "redis", lambda: nowhere)
    error_of(by_token(alice, "POST", "/agents", {"name": "A"}, Idempotency_Key=key), 503, "SERVICE_DEGRADED")
    assert by_token(alice, "POST", "/agents", {"name": "A"}).status_code == 201
