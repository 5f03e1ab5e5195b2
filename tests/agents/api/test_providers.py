from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from agents.choices import Role
from agents.models import Agent, AuditEvent, Organization, ProviderConnection
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.agents.test_provider_services import KEY, ModelServer, model_server
from tests.factories import Person, make_person, make_token

__all__ = ["model_server"]

NEW = {"name": "Mine", "kind": "openai", "base_url": "https://models.test/v1", "key": KEY}


@pytest.fixture
def sandbox(acme: Organization) -> str:
    """The id of the provider that Acme began with."""
    with scope(acme.pk):
        return str(ProviderConnection.objects.get().pk)


def stored(acme: Organization, provider_id: str) -> ProviderConnection:
    with scope(acme.pk):
        return ProviderConnection.objects.get(pk=provider_id)


def test_a_provider_is_made_read_changed_and_deleted(alice: Person, acme: Organization, by_token: Call) -> None:
    response = by_token(alice, "POST", "/providers", {**NEW, "model_patterns": ["gpt-*"], "priority": 5})
    assert response.status_code == 201
    made = response.json()
    assert set(made) == {
        "id", "name", "kind", "base_url", "has_key", "model_patterns", "priority", "prices", "is_active", "created_at",
    }  # fmt: skip
    assert (made["has_key"], made["model_patterns"], made["priority"]) == (True, ["gpt-*"], 5)
    path = f"/providers/{made['id']}"
    assert by_token(alice, "GET", path).json() == made
    changed = by_token(alice, "PATCH", path, {"is_active": False, "model_patterns": ["o3"]}).json()
    assert changed == made | {"is_active": False, "model_patterns": ["o3"]}
    assert stored(acme, made["id"]).key() == KEY
    assert by_token(alice, "DELETE", path).status_code == 204
    error_of(by_token(alice, "GET", path), 404, "NOT_FOUND")
    with scope(acme.pk):
        actions = AuditEvent.objects.filter(object_id=made["id"]).order_by("pk").values_list("action", flat=True)
        assert list(actions) == ["provider.created", "provider.updated", "provider.deleted"]


def test_prices_are_set_kept_and_removed(alice: Person, acme: Organization, by_token: Call) -> None:
    prices = {"gpt-4o*": {"prompt": 2.5, "completion": "10.00"}}
    made = by_token(alice, "POST", "/providers", {**NEW, "prices": prices}).json()
    assert made["prices"] == {"gpt-4o*": {"prompt": "2.5", "completion": "10"}}
    path = f"/providers/{made['id']}"
    assert by_token(alice, "PATCH", path, {"priority": 3}).json()["prices"] == made["prices"]
    assert by_token(alice, "PATCH", path, {"prices": {}}).json()["prices"] == {}
    with scope(acme.pk):
        details = AuditEvent.objects.filter(object_id=made["id"]).order_by("pk").values_list("detail", flat=True)
        assert [detail["prices"] for detail in details] == [1, 1, 0]


def test_a_key_goes_in_and_never_comes_out(alice: Person, acme: Organization, by_token: Call) -> None:
    made = by_token(alice, "POST", "/providers", NEW)
    path = f"/providers/{made.json()['id']}"
    answers = [made, by_token(alice, "GET", path), by_token(alice, "GET", "/providers")]
    answers.append(by_token(alice, "PATCH", path, {"key": KEY[::-1]}))
    assert stored(acme, made.json()["id"]).key() == KEY[::-1]
    answers.append(by_token(alice, "PATCH", path, {"key": ""}))
    assert answers[-1].json()["has_key"] is False
    for answer in answers:
        assert KEY not in answer.content.decode()
        assert KEY[::-1] not in answer.content.decode()


def test_another_address_needs_the_key_again(alice: Person, acme: Organization, by_token: Call) -> None:
    path = f"/providers/{by_token(alice, 'POST', '/providers', NEW).json()['id']}"
    refused = by_token(alice, "PATCH", path, {"base_url": "https://evil.test/v1"})
    assert fields_of(error_of(refused, 400, "INVALID_REQUEST")) == {"key": "REQUIRED"}
    assert by_token(alice, "GET", path).json()["base_url"] == NEW["base_url"]


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({"name": ""}, {"name": "REQUIRED"}),
        ({"name": "x" * 121}, {"name": "TOO_LONG"}),
        ({"kind": "oracle"}, {"kind": "INVALID_ENUM"}),
        ({"base_url": "https://me:secret@models.test"}, {"base_url": "INVALID_FORMAT"}),
        ({"base_url": "models.test"}, {"base_url": "INVALID_FORMAT"}),
        ({"key": None}, {"key": "REQUIRED"}),
        ({"key": "k" * 501}, {"key": "TOO_LONG"}),
        ({"model_patterns": []}, {"model_patterns": "REQUIRED"}),
        ({"model_patterns": "gpt-*"}, {"model_patterns": "INVALID_FORMAT"}),
        ({"model_patterns": ["x"] * 101}, {"model_patterns": "TOO_MANY"}),
        ({"priority": -1}, {"priority": "INVALID_FORMAT"}),
        ({"prices": ["gpt-4o"]}, {"prices": "INVALID_FORMAT"}),
        ({"prices": {"gpt-4o": "2.50"}}, {"prices": "INVALID_FORMAT"}),
        ({"prices": {"gpt-4o": {"prompt": "2.50"}}}, {"prices": "INVALID_FORMAT"}),
        ({"prices": {"secret": {"prompt": "2.50", "completion": -1}}}, {"prices": "INVALID_FORMAT"}),
        ({"prices": {str(n): {"prompt": 1, "completion": 1} for n in range(201)}}, {"prices": "TOO_MANY"}),
        ({"prices": None}, {"prices": "REQUIRED"}),
        ({"priority": 99_999}, {"priority": "INVALID_FORMAT"}),
        ({"is_active": "perhaps"}, {"is_active": "INVALID_FORMAT"}),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(
    alice: Person, by_token: Call, change: dict[str, Any], problems: dict[str, str]
) -> None:
    response = by_token(alice, "POST", "/providers", {**NEW, **change})
    assert fields_of(error_of(response, 400, "INVALID_REQUEST")) == problems
    assert "secret" not in response.content.decode()
    assert KEY not in response.content.decode()


def test_a_kind_must_be_chosen(alice: Person, by_token: Call) -> None:
    response = by_token(alice, "POST", "/providers", {"name": "Mine"})
    assert fields_of(error_of(response, 400, "INVALID_REQUEST")) == {"kind": "REQUIRED"}


def test_providers_are_listed_as_they_are_asked_in_pages(alice: Person, sandbox: str, by_token: Call) -> None:
    for name, priority in (("Last", 900), ("First", 1), ("Second", 1)):
        by_token(alice, "POST", "/providers", {**NEW, "name": name, "priority": priority})
    names, cursor = [], ""
    while cursor is not None:
        page = by_token(alice, "GET", f"/providers?limit=1{cursor and '&cursor='}{cursor}").json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["First", "Second", "Sandbox", "Last"]
    error_of(by_token(alice, "GET", "/providers?colour=red"), 400, "INVALID_REQUEST")


def test_a_provider_sent_twice_is_made_once(alice: Person, acme: Organization, by_token: Call) -> None:
    key = str(uuid4())
    first, second = (by_token(alice, "POST", "/providers", NEW, Idempotency_Key=key) for _ in range(2))
    assert first.json() == second.json()
    assert second["Idempotent-Replay"] == "true"
    with scope(acme.pk):
        assert ProviderConnection.objects.filter(name="Mine").count() == 1


def test_a_test_says_what_happened(
    alice: Person, acme: Organization, by_token: Call, model_server: ModelServer
) -> None:
    made = by_token(alice, "POST", "/providers", {**NEW, "base_url": model_server.base_url}).json()
    path = f"/providers/{made['id']}/test"
    said = by_token(alice, "POST", path).json()
    assert said.pop("duration_ms") > 0
    assert said == {"is_ok": True, "code": "OK", "message": "It answers, and lists 2 models.", "model_count": 2}
    model_server.status = 401
    failed = by_token(alice, "POST", path)
    assert failed.status_code == 200
    assert (failed.json()["is_ok"], failed.json()["code"]) == (False, "PROVIDER_CREDENTIALS_REFUSED")
    with scope(acme.pk):
        events = AuditEvent.objects.filter(action="provider.tested", object_id=made["id"]).order_by("pk")
        assert [event.detail["code"] for event in events] == ["OK", "PROVIDER_CREDENTIALS_REFUSED"]
        assert all(event.actor.startswith("token:") and event.address for event in events)


CALLS = [
    ("GET", "/providers", None),
    ("GET", "/providers/{id}", None),
    ("POST", "/providers", NEW),
    ("PATCH", "/providers/{id}", {"name": "Other"}),
    ("POST", "/providers/{id}/test", None),
    ("DELETE", "/providers/{id}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_admins_may_and_lower_roles_may_not(
    method: str, path: str, body: Any, acme: Organization, sandbox: str, bob: Person, victor: Person, by_session: Call
) -> None:
    path = path.format(id=sandbox)
    for who in (bob, victor):
        error_of(by_session(who, method, path, body), 403, "SCOPE_MISSING")
    assert stored(acme, sandbox).name == "Sandbox"
    admin = make_person("anna", acme, Role.ADMIN)
    assert by_session(admin, method, path, body).status_code in {200, 201, 204}


@pytest.mark.parametrize(("method", "path", "body"), [call for call in CALLS if "{" in call[1]])
def test_a_stranger_finds_nothing(
    method: str, path: str, body: Any, acme: Organization, sandbox: str, charlie: Person, by_token: Call
) -> None:
    error_of(by_token(charlie, method, path.format(id=sandbox), body), 404, "NOT_FOUND")
    assert stored(acme, sandbox).name == "Sandbox"
    assert sandbox not in by_token(charlie, "GET", "/providers").content.decode()


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_nobody_and_weak_tokens_are_refused(
    method: str, path: str, body: Any, acme: Organization, agent: Agent, sandbox: str, by_token: Call
) -> None:
    path = path.format(id=sandbox)
    anonymous = Client().generic(method, f"/api/v1{path}", content_type="application/json")
    error_of(anonymous, 401, "UNAUTHENTICATED")
    weak = make_token(acme, scopes=["agent:write", "memory:read"])
    error_of(by_token(weak, method, path, body), 403, "SCOPE_MISSING")
    bound = make_token(acme, agent=agent)
    error_of(by_token(bound, method, path, body), 403, "PERMISSION_DENIED")
    assert stored(acme, sandbox).name == "Sandbox"


def test_an_id_that_is_none_is_not_there(alice: Person, by_token: Call) -> None:
    error_of(by_token(alice, "GET", "/providers/no-uuid"), 404, "NOT_FOUND")
