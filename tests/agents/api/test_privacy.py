"""/api/v1/organization: what becomes of personal data."""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import Agent, Organization
from agents.privacy import PiiAction, PiiKind
from agents.services.privacy import pii_actions
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.factories import Person, make_token

PATH = "/organization"


def test_every_type_is_read_and_those_that_are_named_change(alice: Person, acme: Organization, by_token: Call) -> None:
    said = by_token(alice, "GET", PATH).json()["pii_policy"]
    assert said == {kind.field: kind.default.value for kind in PiiKind}
    changed = by_token(alice, "PATCH", PATH, {"pii_policy": {"email": "quarantine", "name": "redact"}}).json()
    assert changed["pii_policy"] == said | {"email": "quarantine", "name": "redact"}
    again = by_token(alice, "PATCH", PATH, {"name": "Acme II", "pii_policy": {"email": "redact"}}).json()
    assert (again["name"], again["pii_policy"]) == ("Acme II", said | {"name": "redact"})
    assert pii_actions(acme.pk)[PiiKind.NAME] is PiiAction.REDACT


@pytest.mark.parametrize(
    ("policy", "problems"),
    [
        ({"secret": "allow"}, {"pii_policy.secret": "INVALID_ENUM"}),
        ({"email": "hide", "ip": None}, {"pii_policy.email": "INVALID_ENUM", "pii_policy.ip": "INVALID_ENUM"}),
        ({"email": ["allow"]}, {"pii_policy.email": "INVALID_ENUM"}),
        ({"shoe_size": "redact"}, {"pii_policy": "INVALID_ENUM"}),
        (["email"], {"pii_policy": "INVALID_FORMAT"}),
        (None, {"pii_policy": "REQUIRED"}),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(
    alice: Person, by_token: Call, policy: Any, problems: dict[str, str]
) -> None:
    before = by_token(alice, "GET", PATH).json()
    refused = by_token(alice, "PATCH", PATH, {"name": "Other", "pii_policy": policy})
    assert fields_of(error_of(refused, 400, "INVALID_REQUEST")) == problems
    assert by_token(alice, "GET", PATH).json() == before


def test_only_admins_change_it(acme: Organization, agent: Agent, bob: Person, by_session: Call, by_token: Call) -> None:
    change = {"pii_policy": {"phone": "allow"}}
    error_of(by_session(bob, "PATCH", PATH, change), 403, "SCOPE_MISSING")
    error_of(by_token(make_token(acme, agent=agent), "PATCH", PATH, change), 403, "PERMISSION_DENIED")
    assert pii_actions(acme.pk)[PiiKind.PHONE] is PiiAction.REDACT
