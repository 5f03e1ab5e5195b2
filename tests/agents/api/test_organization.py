"""/api/v1/organization: its name and what it may use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from agents.choices import Role
from agents.models import Agent, AuditEvent, Organization
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.factories import Person, make_person, make_token

PATH = "/organization"


def stored(acme: Organization) -> Organization:
    with scope(acme.pk):
        return Organization.objects.get(pk=acme.pk)


def test_it_is_read_and_changed(alice: Person, acme: Organization, by_token: Call) -> None:
    said = by_token(alice, "GET", PATH).json()
    assert (said["id"], said["name"], said["requests_per_minute"]) == (str(acme.pk), "Acme", 6000)
    assert (said["tokens_per_minute"], said["monthly_tokens"], said["monthly_cost"]) == (None, None, None)
    changes = {"name": "Acme II", "tokens_per_minute": 50_000, "monthly_tokens": 10**9, "monthly_cost": "99.50"}
    assert by_token(alice, "PATCH", PATH, changes).json() == said | changes
    assert by_token(alice, "GET", PATH).json() == said | changes
    assert stored(acme).monthly_cost == Decimal("99.50")
    assert by_token(alice, "PATCH", PATH, {"monthly_cost": None}).json()["monthly_cost"] is None


def test_what_changed_is_audited_without_its_value(alice: Person, acme: Organization, by_token: Call) -> None:
    by_token(alice, "PATCH", PATH, {"requests_per_minute": 77, "monthly_cost": 12.25})
    with scope(acme.pk):
        event = AuditEvent.objects.order_by("-pk")[0]
    assert (event.action, event.object_id, event.address) == ("organization.updated", str(acme.pk), "127.0.0.1")
    assert event.detail == {"fields": ["monthly_cost", "requests_per_minute"]}


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({"name": ""}, {"name": "REQUIRED"}),
        ({"requests_per_minute": 0}, {"requests_per_minute": "INVALID_FORMAT"}),
        ({"requests_per_minute": None}, {"requests_per_minute": "REQUIRED"}),
        ({"tokens_per_minute": -1}, {"tokens_per_minute": "INVALID_FORMAT"}),
        ({"monthly_tokens": 10**13}, {"monthly_tokens": "INVALID_FORMAT"}),
        ({"monthly_tokens": "many"}, {"monthly_tokens": "INVALID_FORMAT"}),
        ({"monthly_cost": 0}, {"monthly_cost": "INVALID_FORMAT"}),
        ({"monthly_cost": "1.001"}, {"monthly_cost": "INVALID_FORMAT"}),
        ({"monthly_cost": 1_000_001}, {"monthly_cost": "INVALID_FORMAT"}),
        ({"monthly_cost": "NaN"}, {"monthly_cost": "INVALID_FORMAT"}),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(
    alice: Person, acme: Organization, by_token: Call, change: dict[str, Any], problems: dict[str, str]
) -> None:
    before = by_token(alice, "GET", PATH).json()
    refused = by_token(alice, "PATCH", PATH, {"tokens_per_minute": 5} | change)
    assert fields_of(error_of(refused, 400, "INVALID_REQUEST")) == problems
    assert by_token(alice, "GET", PATH).json() == before


def test_slug_and_status_are_not_changed_here(alice: Person, acme: Organization, by_token: Call) -> None:
    said = by_token(alice, "PATCH", PATH, {"slug": "other", "status": "suspended"}).json()
    assert (said["slug"], said["status"]) == (acme.slug, "active")


def test_every_member_reads_and_only_admins_change(
    acme: Organization, bob: Person, victor: Person, by_session: Call
) -> None:
    for who in (bob, victor):
        assert by_session(who, "GET", PATH).json()["name"] == "Acme"
        error_of(by_session(who, "PATCH", PATH, {"requests_per_minute": 1}), 403, "SCOPE_MISSING")
    assert stored(acme).requests_per_minute == 6000
    admin = make_person("anna", acme, Role.ADMIN)
    assert by_session(admin, "PATCH", PATH, {"requests_per_minute": 9}).status_code == 200
    assert stored(acme).requests_per_minute == 9


def test_a_stranger_reads_and_changes_only_their_own(acme: Organization, charlie: Person, by_token: Call) -> None:
    assert by_token(charlie, "GET", PATH).json()["name"] == "Globex"
    by_token(charlie, "PATCH", PATH, {"requests_per_minute": 1})
    assert stored(acme).requests_per_minute == 6000


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_nobody_and_weak_tokens_are_refused(method: str, acme: Organization, agent: Agent, by_token: Call) -> None:
    anonymous = Client().generic(method, f"/api/v1{PATH}", content_type="application/json")
    error_of(anonymous, 401, "UNAUTHENTICATED")
    weak = make_token(acme, scopes=["memory:read"])
    error_of(by_token(weak, method, PATH, {"name": "Mine"}), 403, "SCOPE_MISSING")


def test_a_token_of_one_agent_does_not_change_it(acme: Organization, agent: Agent, by_token: Call) -> None:
    bound = make_token(acme, agent=agent)
    assert by_token(bound, "GET", PATH).status_code == 200
    error_of(by_token(bound, "PATCH", PATH, {"requests_per_minute": 1}), 403, "PERMISSION_DENIED")


def test_nothing_else_is_answered_here(alice: Person, by_token: Call) -> None:
    for method in ("POST", "DELETE", "PUT"):
        error_of(by_token(alice, method, PATH, {}), 405, "METHOD_NOT_ALLOWED")
