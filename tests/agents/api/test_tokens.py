from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Agent, Organization, Token
from agents.secret import digest
from agents.services.tokens import CREATIONS_PER_MINUTE
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.factories import Person, make_agent, make_token

NEW = {"name": "CI", "scopes": ["memory:read"]}


def token_of(org: Organization, secret: str) -> Token:
    with scope(org.pk):
        return Token.objects.get(digest=digest(secret))


def test_a_secret_is_shown_once_and_works_until_it_is_revoked(
    alice: Person, acme: Organization, by_token: Call
) -> None:
    response = by_token(alice, "POST", "/tokens", {**NEW, "scopes": ["agent:read", "agent:read"]})
    assert response.status_code == 201
    made = response.json()
    secret = made["secret"]
    assert secret.startswith(made["prefix"])
    assert made["scopes"] == ["agent:read"]
    assert by_token(secret, "GET", "/agents").status_code == 200
    shown = by_token(alice, "GET", f"/tokens/{made['id']}")
    assert shown.json()["is_usable"] is True
    assert secret not in shown.content.decode() + by_token(alice, "GET", "/tokens").content.decode()
    assert by_token(alice, "DELETE", f"/tokens/{made['id']}").status_code == 204
    error_of(by_token(secret, "GET", "/agents"), 401, "UNAUTHENTICATED")
    revoked = by_token(alice, "POST", f"/tokens/{made['id']}/revoke").json()
    assert (revoked["is_usable"], bool(revoked["revoked_at"])) == (False, True)


def test_nobody_gives_more_than_they_have(acme: Organization, by_token: Call) -> None:
    maker = make_token(acme, scopes=["token:create", "memory:read"])
    assert by_token(maker, "POST", "/tokens", NEW).status_code == 201
    error_of(by_token(maker, "POST", "/tokens", {**NEW, "scopes": ["org:admin"]}), 403, "SCOPE_NOT_GRANTABLE")


def test_no_token_outlives_its_maker(acme: Organization, by_token: Call) -> None:
    secret = make_token(acme, scopes=["token:create", "memory:read"])
    end = timezone.now() + timedelta(hours=1)
    with scope(acme.pk):
        Token.objects.filter(digest=digest(secret)).update(expires_at=end)
    later = (end + timedelta(days=1)).isoformat()
    for body in (NEW, {**NEW, "expires_at": later}):
        made = by_token(secret, "POST", "/tokens", body).json()
        assert datetime.fromisoformat(made["expires_at"]) == end


def test_a_bound_token_makes_and_sees_only_tokens_of_its_agent(
    acme: Organization, agent: Agent, by_token: Call
) -> None:
    other = make_agent(acme, "Other")
    bound, free = make_token(acme, agent=agent), make_token(acme)
    assert by_token(bound, "POST", "/tokens", NEW).json()["agent_id"] == str(agent.pk)
    refused = by_token(bound, "POST", "/tokens", {**NEW, "agent_id": str(other.pk)})
    assert fields_of(error_of(refused, 400, "INVALID_REQUEST")) == {"agent_id": "INVALID_ENUM"}
    assert {item["agent_id"] for item in by_token(bound, "GET", "/tokens").json()["items"]} == {str(agent.pk)}
    error_of(by_token(bound, "DELETE", f"/tokens/{token_of(acme, free).pk}"), 404, "NOT_FOUND")


def test_a_token_is_never_bound_to_a_strangers_agent(alice: Person, foreign_agent: Agent, by_token: Call) -> None:
    response = by_token(alice, "POST", "/tokens", {**NEW, "agent_id": str(foreign_agent.pk)})
    assert fields_of(error_of(response, 400, "INVALID_REQUEST")) == {"agent_id": "INVALID_ENUM"}


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({"scopes": []}, {"scopes": "REQUIRED"}),
        ({"scopes": ["everything"]}, {"scopes[0]": "INVALID_ENUM"}),
        ({"scopes": ["memory:read"] * 99}, {"scopes": "TOO_MANY"}),
        ({"scopes": "memory:read"}, {"scopes": "INVALID_FORMAT"}),
        ({"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "INVALID_FORMAT"}),
        ({"expires_at": "soon"}, {"expires_at": "INVALID_FORMAT"}),
        ({"agent_id": "x"}, {"agent_id": "INVALID_FORMAT"}),
    ],
)
def test_what_is_wrong_is_named(
    alice: Person, by_token: Call, change: dict[str, Any], problems: dict[str, str]
) -> None:
    response = by_token(alice, "POST", "/tokens", {**NEW, **change})
    assert fields_of(error_of(response, 400, "INVALID_REQUEST")) == problems
    assert "everything" not in response.content.decode()


def test_creation_is_throttled(alice: Person, acme: Organization, by_token: Call) -> None:
    statuses = [by_token(alice, "POST", "/tokens", NEW).status_code for _ in range(2 * CREATIONS_PER_MINUTE + 2)]
    assert statuses[0] == 201
    assert 429 in statuses
    refused = by_token(alice, "POST", "/tokens", NEW)
    if refused.status_code == 429:  # unless a new minute has begun meanwhile
        assert 1 <= int(refused["Retry-After"]) <= 61


def test_a_stranger_sees_and_revokes_nothing(
    alice: Person, charlie: Person, acme: Organization, by_token: Call
) -> None:
    token = token_of(acme, alice.token)
    for method, verb in (("GET", ""), ("DELETE", ""), ("POST", "/revoke")):
        error_of(by_token(charlie, method, f"/tokens/{token.pk}{verb}"), 404, "NOT_FOUND")
    assert str(token.pk) not in by_token(charlie, "GET", "/tokens").content.decode()
    assert by_token(alice, "GET", "/agents").status_code == 200


def test_operators_and_viewers_have_no_business_with_tokens(bob: Person, victor: Person, by_session: Call) -> None:
    for person in (bob, victor):
        error_of(by_session(person, "GET", "/tokens"), 403, "SCOPE_MISSING")
        error_of(by_session(person, "POST", "/tokens", NEW), 403, "SCOPE_MISSING")


def test_an_owner_makes_tokens_in_their_session(alice: Person, acme: Organization, by_session: Call) -> None:
    secret = by_session(alice, "POST", "/tokens", NEW).json()["secret"]
    assert token_of(acme, secret).created_by_id == alice.operator.pk


def test_a_session_without_its_form_token_writes_nothing(alice: Person) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice.operator)
    response = strict.post("/api/v1/tokens", NEW, content_type="application/json")
    error_of(response, 403, "PERMISSION_DENIED")
    assert strict.get("/api/v1/tokens").status_code == 200


def test_a_suspended_organization_is_told_so(
    alice: Person, acme: Organization, by_token: Call, by_session: Call
) -> None:
    with scope(acme.pk):
        acme.status = "suspended"
        acme.save()
    error_of(by_token(alice, "GET", "/tokens"), 403, "ORGANIZATION_SUSPENDED")
    error_of(by_session(alice, "GET", "/tokens"), 403, "PERMISSION_DENIED")


def test_filters_narrow_the_list(alice: Person, acme: Organization, agent: Agent, by_token: Call) -> None:
    bound = token_of(acme, make_token(acme, agent=agent))
    listed = by_token(alice, "GET", f"/tokens?agent_id={agent.pk}").json()["items"]
    assert [item["id"] for item in listed] == [str(bound.pk)]
    by_token(alice, "DELETE", f"/tokens/{bound.pk}")
    assert [i["id"] for i in by_token(alice, "GET", "/tokens?is_revoked=true").json()["items"]] == [str(bound.pk)]
    assert str(bound.pk) not in by_token(alice, "GET", "/tokens?is_revoked=false").content.decode()
