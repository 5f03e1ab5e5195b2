from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, AuditEvent, Directive, Organization
from agents.models.directive import DIRECTIVE_MAX_BYTES
from ibex.core.redis import org_key, redis
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.factories import Person, make_agent, make_token


@pytest.fixture
def path(agent: Agent) -> str:
    return f"/agents/{agent.pk}/directive"


def on_the_desk(agent: Agent) -> dict[str, Any]:
    found = redis().get(org_key(agent.org_id, "directive", agent.pk))
    assert isinstance(found, bytes)
    return json.loads(found)


def test_a_new_version_is_in_force_and_on_the_desk_at_once(
    alice: Person, agent: Agent, path: str, by_token: Call, by_session: Call
) -> None:
    error_of(by_token(alice, "GET", path), 404, "NOT_FOUND")
    first = by_session(alice, "PUT", path, {"content": "  Be kind.\n", "note": "Start"}).json()
    assert (first["version"], first["content"], first["note"], first["is_active"]) == (1, "  Be kind.\n", "Start", True)
    assert first["author"] == alice.operator.email
    assert by_token(alice, "GET", path).json() == first
    desk = on_the_desk(agent)
    assert (desk["id"], desk["version"], desk["content"]) == (first["id"], 1, "  Be kind.\n")
    second = by_token(alice, "PUT", path, {"content": "Be brief."}).json()
    assert (second["version"], second["author"]) == (2, None)
    assert on_the_desk(agent)["content"] == "Be brief."


def test_versions_are_listed_read_and_compared(alice: Person, path: str, by_token: Call) -> None:
    for content in ("Be kind.\nBe brief.", "Be kind.\nBe thorough.", "Be kind."):
        by_token(alice, "PUT", path, {"content": content})
    page = by_token(alice, "GET", f"{path}/versions?limit=2").json()
    assert [(item["version"], item["is_active"]) for item in page["items"]] == [(3, True), (2, False)]
    assert "content" not in page["items"][0]
    rest = by_token(alice, "GET", f"{path}/versions?limit=2&cursor={page['next_cursor']}").json()
    assert [item["version"] for item in rest["items"]] == [1]
    assert by_token(alice, "GET", f"{path}/versions/2").json()["content"] == "Be kind.\nBe thorough."
    diff = by_token(alice, "GET", f"{path}/diff?from_version=1&to_version=2").json()
    assert (diff["added"], diff["removed"]) == (1, 1)
    assert "-Be brief.\n+Be thorough." in diff["diff"]


def test_going_back_makes_a_new_version_of_the_old_text(
    alice: Person, acme: Organization, agent: Agent, path: str, by_token: Call
) -> None:
    for content in ("One", "Two"):
        by_token(alice, "PUT", path, {"content": content})
    back = by_token(alice, "POST", f"{path}/rollback", {"version": 1}).json()
    assert (back["version"], back["content"], back["is_active"]) == (3, "One", True)
    assert on_the_desk(agent)["version"] == 3
    with scope(acme.pk):
        assert Directive.objects.filter(agent=agent).count() == 3
        assert AuditEvent.objects.filter(action="directive.saved", object_id=agent.pk).count() == 3


def test_a_deactivated_directive_leaves_its_versions(alice: Person, agent: Agent, path: str, by_token: Call) -> None:
    by_token(alice, "PUT", path, {"content": "One"})
    for _ in range(2):
        assert by_token(alice, "POST", f"{path}/deactivate").status_code == 204
    error_of(by_token(alice, "GET", path), 404, "NOT_FOUND")
    assert on_the_desk(agent)["content"] == ""
    assert by_token(alice, "GET", f"{path}/versions/1").json()["is_active"] is False
    assert by_token(alice, "PUT", path, {"content": "Two"}).json()["version"] == 2


def test_the_limit_counts_bytes(alice: Person, path: str, by_token: Call) -> None:
    assert by_token(alice, "PUT", path, {"content": "é" * (DIRECTIVE_MAX_BYTES // 2)}).status_code == 200
    error = error_of(
        by_token(alice, "PUT", path, {"content": "é" * (DIRECTIVE_MAX_BYTES // 2 + 1)}), 400, "INVALID_REQUEST"
    )
    assert fields_of(error) == {"content": "TOO_LONG"}


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"content": "  \n"}, {"content": None}])
def test_an_empty_directive_is_none(alice: Person, path: str, by_token: Call, body: Any) -> None:
    assert fields_of(error_of(by_token(alice, "PUT", path, body), 400, "INVALID_REQUEST")) == {"content": "REQUIRED"}


def test_versions_that_never_were_are_not_found(alice: Person, path: str, by_token: Call) -> None:
    by_token(alice, "PUT", path, {"content": "One"})
    error_of(by_token(alice, "GET", f"{path}/versions/2"), 404, "NOT_FOUND")
    error_of(by_token(alice, "GET", f"{path}/versions/{'9' * 30}"), 404, "NOT_FOUND")
    error_of(by_token(alice, "GET", f"{path}/versions/one"), 404, "NOT_FOUND")
    error_of(by_token(alice, "POST", f"{path}/rollback", {"version": 7}), 404, "NOT_FOUND")
    error_of(by_token(alice, "GET", f"{path}/diff?from_version=1&to_version=9"), 404, "NOT_FOUND")
    problems = fields_of(error_of(by_token(alice, "GET", f"{path}/diff?from_version=a"), 400, "INVALID_REQUEST"))
    assert problems == {"from_version": "INVALID_FORMAT", "to_version": "REQUIRED"}


def test_an_archived_agents_directive_is_fixed(alice: Person, agent: Agent, path: str, by_token: Call) -> None:
    by_token(alice, "PUT", path, {"content": "One"})
    by_token(alice, "POST", f"/agents/{agent.pk}/archive")
    for method, verb, body in (
        ("PUT", "", {"content": "Two"}),
        ("POST", "/rollback", {"version": 1}),
        ("POST", "/deactivate", None),
    ):
        error_of(by_token(alice, method, path + verb, body), 409, "AGENT_ARCHIVED")


READS = [("GET", ""), ("GET", "/versions"), ("GET", "/versions/1"), ("GET", "/diff?from_version=1&to_version=1")]
WRITES = [("PUT", ""), ("POST", "/rollback"), ("POST", "/deactivate")]
BODY = {"content": "Mine", "version": 1}


@pytest.mark.parametrize(("method", "verb"), [*READS, *WRITES])
def test_strangers_and_other_agents_tokens_find_nothing(
    alice: Person, charlie: Person, acme: Organization, path: str, by_token: Call, method: str, verb: str
) -> None:
    by_token(alice, "PUT", path, {"content": "Secret"})
    other = make_token(acme, agent=make_agent(acme, "Other"))
    body = None if method == "GET" else BODY
    for who in (charlie, other):
        error_of(by_token(who, method, path + verb, body), 404, "NOT_FOUND")
    assert Client().get(f"/api/v1{path}").status_code == 401


@pytest.mark.parametrize(("method", "verb"), WRITES)
def test_operators_write_directives_and_viewers_only_read_them(
    alice: Person, bob: Person, victor: Person, path: str, by_session: Call, method: str, verb: str
) -> None:
    by_session(alice, "PUT", path, {"content": "One"})
    for read_method, read in READS:
        assert by_session(victor, read_method, path + read).status_code == 200
    error_of(by_session(victor, method, path + verb, BODY), 403, "SCOPE_MISSING")
    assert by_session(bob, method, path + verb, BODY).status_code in {200, 204}
