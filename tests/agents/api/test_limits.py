"""The limits of agents and tokens through the REST API."""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import Agent, AuditEvent, Organization, Token
from agents.secret import digest
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.factories import Person, make_agent, make_token

LIMITS = {"requests_per_minute": 60, "tokens_per_minute": 10_000, "monthly_tokens": 1_000_000, "monthly_cost": "25.00"}
NONE = dict.fromkeys(LIMITS)
BAD = [
    ({"requests_per_minute": 0}, "requests_per_minute"),
    ({"tokens_per_minute": 1.5}, "tokens_per_minute"),
    ({"monthly_tokens": -5}, "monthly_tokens"),
    ({"monthly_cost": "0"}, "monthly_cost"),
    ({"monthly_cost": "free"}, "monthly_cost"),
]


def limits_in(said: dict[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in LIMITS}


def actions_on(org: Organization, object_id: str) -> list[tuple[str, dict[str, Any]]]:
    with scope(org.pk):
        events = AuditEvent.objects.filter(object_id=object_id).order_by("pk")
        return [(event.action, event.detail) for event in events]


@pytest.fixture
def token(acme: Organization) -> Token:
    secret = make_token(acme, scopes=["memory:read"])
    with scope(acme.pk):
        return Token.objects.get(digest=digest(secret))


def test_an_agent_is_limited_and_set_free(alice: Person, acme: Organization, agent: Agent, by_token: Call) -> None:
    path = f"/agents/{agent.pk}"
    assert limits_in(by_token(alice, "GET", path).json()) == NONE
    assert limits_in(by_token(alice, "PATCH", path, LIMITS).json()) == LIMITS
    assert limits_in(by_token(alice, "PATCH", path, {"tokens_per_minute": None}).json()) == LIMITS | {
        "tokens_per_minute": None
    }
    assert actions_on(acme, str(agent.pk)) == [
        ("agent.updated", {"fields": sorted(LIMITS)}),
        ("agent.updated", {"fields": ["tokens_per_minute"]}),
    ]


def test_a_token_is_made_with_limits_and_they_can_be_changed(alice: Person, acme: Organization, by_token: Call) -> None:
    made = by_token(alice, "POST", "/tokens", {"name": "CI", "scopes": ["memory:read"], **LIMITS}).json()
    assert limits_in(made) == LIMITS
    path = f"/tokens/{made['id']}"
    changed = by_token(alice, "PATCH", path, {"monthly_cost": "30", "tokens_per_minute": None}).json()
    assert limits_in(changed) == LIMITS | {"monthly_cost": "30.00", "tokens_per_minute": None}
    assert "secret" not in changed
    assert by_token(alice, "GET", path).json() == changed
    assert actions_on(acme, made["id"])[1:] == [("token.updated", {"fields": ["monthly_cost", "tokens_per_minute"]})]


def test_only_the_limits_of_a_token_change(alice: Person, token: Token, by_token: Call) -> None:
    path = f"/tokens/{token.pk}"
    before = by_token(alice, "GET", path).json()
    after = by_token(alice, "PATCH", path, {"name": "Other", "scopes": ["org:admin"], "requests_per_minute": 3})
    assert after.json() == before | {"requests_per_minute": 3}


@pytest.mark.parametrize(("change", "field"), BAD)
def test_what_is_wrong_is_named(
    alice: Person, agent: Agent, token: Token, by_token: Call, change: dict[str, Any], field: str
) -> None:
    for method, path, body in (
        ("PATCH", f"/agents/{agent.pk}", {}),
        ("PATCH", f"/tokens/{token.pk}", {}),
        ("POST", "/agents", {"name": "New"}),
        ("POST", "/tokens", {"name": "New", "scopes": ["memory:read"]}),
    ):
        refused = by_token(alice, method, path, body | change)
        assert fields_of(error_of(refused, 400, "INVALID_REQUEST")) == {field: "INVALID_FORMAT"}


def test_lower_roles_may_not_and_strangers_find_nothing(
    acme: Organization, agent: Agent, token: Token, bob: Person, victor: Person, charlie: Person, by_session: Call
) -> None:
    for path in (f"/agents/{agent.pk}", f"/tokens/{token.pk}"):
        for who in (bob, victor):
            error_of(by_session(who, "PATCH", path, LIMITS), 403, "SCOPE_MISSING")
        error_of(by_session(charlie, "PATCH", path, LIMITS), 404, "NOT_FOUND")
    with scope(acme.pk):
        assert Agent.objects.get(pk=agent.pk).monthly_tokens is None
        assert Token.objects.get(pk=token.pk).monthly_tokens is None


def test_a_token_of_one_agent_changes_no_other_token(acme: Organization, agent: Agent, by_token: Call) -> None:
    bound = make_token(acme, agent=agent)
    make_token(acme, agent=make_agent(acme, "Other"))
    with scope(acme.pk):
        ids = {str(token.agent_id): str(token.pk) for token in Token.objects.all()}
    own = ids.pop(str(agent.pk))
    assert by_token(bound, "PATCH", f"/tokens/{own}", LIMITS).status_code == 200
    error_of(by_token(bound, "PATCH", f"/tokens/{next(iter(ids.values()))}", LIMITS), 404, "NOT_FOUND")
