from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Agent, AuditEvent, Organization, Session
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.factories import Person, make_agent, make_token


def make_session(agent: Agent) -> Session:
    now = timezone.now()
    with scope(agent.org_id):
        return Session.objects.create(org_id=agent.org_id, agent=agent, started_at=now, last_turn_at=now)


def error_of(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code
    assert error["request_id"] == response["X-Request-ID"]
    return error


def fields_of(error: dict[str, Any]) -> dict[str, str]:
    return {problem["field"]: problem["code"] for problem in error["field_errors"]}


def test_an_agent_is_created_with_a_slug_of_its_name(alice: Person, by_token: Call) -> None:
    response = by_token(alice, "POST", "/agents", {"name": "Support Desk", "memory_tokens": 500})
    assert response.status_code == 201
    created = response.json()
    assert created["slug"] == "support-desk"
    assert (created["status"], created["memory_tokens"], created["learns"]) == ("active", 500, True)
    assert by_token(alice, "GET", f"/agents/{created['id']}").json() == created
    again = by_token(alice, "POST", "/agents", {"name": "Support Desk"}).json()
    assert again["slug"] == "support-desk-2"


def test_who_did_it_and_from_where_is_in_the_audit_log(alice: Person, acme: Organization, by_token: Call) -> None:
    created = by_token(alice, "POST", "/agents", {"name": "Support Desk"}).json()
    with scope(acme.pk):
        event = AuditEvent.objects.get(object_id=created["id"])
    assert (event.action, event.object_type, event.address) == ("agent.created", "agent", "127.0.0.1")
    assert event.actor.startswith("token:")
    assert "Support Desk" not in str(event.detail)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"name": "REQUIRED"}),
        ({"name": ""}, {"name": "REQUIRED"}),
        ({"name": None}, {"name": "REQUIRED"}),
        ({"name": "n" * 121}, {"name": "TOO_LONG"}),
        ({"name": "a\0b"}, {"name": "INVALID_FORMAT"}),
        ({"name": "A", "slug": "no spaces"}, {"slug": "INVALID_FORMAT"}),
        ({"name": "A", "slug": "s" * 64}, {"slug": "TOO_LONG"}),
        ({"name": "A", "slug": "01902ba2-1c5e-7c3f-8d2b-2f3a4b5c6d7e"}, {"slug": "INVALID_FORMAT"}),
        ({"name": "A", "injection_mode": "sideways"}, {"injection_mode": "INVALID_ENUM"}),
        ({"name": "A", "memory_tokens": -1}, {"memory_tokens": "INVALID_FORMAT"}),
        ({"name": "A", "requests_per_minute": 10**30}, {"requests_per_minute": "INVALID_FORMAT"}),
        ({"name": "A", "learns": "perhaps"}, {"learns": "INVALID_FORMAT"}),
        ([], {"body": "INVALID_FORMAT"}),
    ],
)
def test_what_is_wrong_with_a_body_is_named_and_never_quoted(
    alice: Person, by_token: Call, body: Any, problems: dict[str, str]
) -> None:
    response = by_token(alice, "POST", "/agents", body)
    assert fields_of(error_of(response, 400, "INVALID_REQUEST")) == problems
    for value in ("no spaces", "sideways", "perhaps", "nnnn"):
        assert value not in response.content.decode()


@pytest.mark.parametrize("body", ["{", '{"name": NaN}', '{"name": "\\ud800"}', "[" * 2_000, ""])
def test_a_body_that_is_no_json_is_refused(alice: Person, by_token: Call, body: str) -> None:
    response = Client().post("/api/v1/agents", body, content_type="application/json", headers=alice.bearer)
    error_of(response, 400, "INVALID_REQUEST")


def test_other_media_types_and_large_bodies_are_refused(alice: Person) -> None:
    client = Client(headers=alice.bearer)
    error_of(client.post("/api/v1/agents", {"name": "A"}), 415, "UNSUPPORTED_MEDIA_TYPE")
    large = client.post("/api/v1/agents", {"name": "A" * 1_100_000}, content_type="application/json")
    error_of(large, 413, "BODY_TOO_LARGE")


def test_a_slug_belongs_to_one_agent_of_an_organization(
    alice: Person, charlie: Person, agent: Agent, by_token: Call
) -> None:
    error_of(by_token(alice, "POST", "/agents", {"name": "B", "slug": agent.slug.upper()}), 409, "SLUG_TAKEN")
    assert by_token(charlie, "POST", "/agents", {"name": "B", "slug": agent.slug}).status_code == 201


def test_a_patch_changes_settings_but_never_the_slug(alice: Person, agent: Agent, by_token: Call) -> None:
    path = f"/agents/{agent.pk}"
    changed = by_token(alice, "PATCH", path, {"name": "New", "slug": agent.slug, "idle_minutes": 5}).json()
    assert (changed["name"], changed["slug"], changed["idle_minutes"]) == ("New", agent.slug, 5)
    error_of(by_token(alice, "PATCH", path, {"slug": "other"}), 409, "SLUG_FIXED")
    error_of(by_token(alice, "PATCH", path, {"slug": ""}), 409, "SLUG_FIXED")
    error_of(by_token(alice, "PUT", path, {"name": "New"}), 405, "METHOD_NOT_ALLOWED")


def test_an_agent_is_paused_activated_and_archived_for_good(alice: Person, agent: Agent, by_token: Call) -> None:
    path = f"/agents/{agent.pk}"
    for verb, status in (("pause", "paused"), ("activate", "active"), ("archive", "archived")):
        assert by_token(alice, "POST", f"{path}/{verb}").json()["status"] == status
    for verb in ("activate", "pause", "archive"):
        error_of(by_token(alice, "POST", f"{path}/{verb}"), 409, "AGENT_ARCHIVED")
    error_of(by_token(alice, "PATCH", path, {"name": "New"}), 409, "AGENT_ARCHIVED")


def test_an_agent_without_sessions_is_deleted_with_all_that_is_its_own(
    alice: Person, acme: Organization, agent: Agent, by_token: Call
) -> None:
    by_token(alice, "PUT", f"/agents/{agent.pk}/directive", {"content": "Be kind."})
    make_token(acme, agent=agent)
    assert by_token(alice, "DELETE", f"/agents/{agent.pk}").status_code == 204
    error_of(by_token(alice, "GET", f"/agents/{agent.pk}"), 404, "NOT_FOUND")


def test_an_agent_with_sessions_is_archived_instead(alice: Person, agent: Agent, by_token: Call) -> None:
    make_session(agent)
    for _ in range(2):
        response = by_token(alice, "DELETE", f"/agents/{agent.pk}")
        assert (response.status_code, response.json()["status"]) == (200, "archived")


def test_a_list_is_read_page_by_page_and_shows_each_agent_once(
    alice: Person, acme: Organization, by_token: Call
) -> None:
    expected = {str(make_agent(acme, f"Agent {number}").pk) for number in range(7)}
    seen: list[str] = []
    cursor = ""
    while True:
        page = by_token(alice, "GET", f"/agents?limit=3{cursor}").json()
        assert len(page["items"]) <= 3
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen))
    assert set(seen) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=%00é", "cursor"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("status=sleeping", "status"),
        ("search=%00", "search"),
        ("statis=active", "query"),
    ],
)
def test_a_query_that_means_nothing_is_refused(alice: Person, by_token: Call, query: str, field: str) -> None:
    response = by_token(alice, "GET", f"/agents?{query}")
    assert list(fields_of(error_of(response, 400, "INVALID_REQUEST"))) == [field]
    assert "sleeping" not in response.content.decode()


def test_a_cursor_of_another_list_is_refused(alice: Person, acme: Organization, by_token: Call) -> None:
    agents = [make_agent(acme, f"Agent {number}") for number in range(2)]
    cursor = by_token(alice, "GET", "/agents?limit=1").json()["next_cursor"]
    make_session(agents[0])
    error_of(by_token(alice, "GET", f"/sessions?cursor={cursor}"), 400, "INVALID_REQUEST")


def test_a_list_asks_no_more_of_the_database_when_it_is_longer(
    alice: Person, acme: Organization, by_token: Call, django_assert_max_num_queries: Any
) -> None:
    for number in range(10):
        agent = make_agent(acme, f"Agent {number}")
        by_token(alice, "PUT", f"/agents/{agent.pk}/directive", {"content": "Be kind."})
    with django_assert_max_num_queries(6):
        assert len(by_token(alice, "GET", "/agents").json()["items"]) == 10


def test_filters_narrow_a_list(alice: Person, acme: Organization, by_token: Call) -> None:
    one, two = make_agent(acme, "Sales", description="sells boats"), make_agent(acme, "Support", status="paused")

    def found(query: str) -> set[str]:
        return {item["id"] for item in by_token(alice, "GET", f"/agents?{query}").json()["items"]}

    assert found("status=paused") == {str(two.pk)}
    assert found("search=BOAT") == {str(one.pk)}
    assert found(f"slug={two.slug}") == {str(two.pk)}


WRITES = [
    ("PATCH", "", {"name": "Mine"}),
    ("DELETE", "", None),
    ("POST", "/activate", None),
    ("POST", "/pause", None),
    ("POST", "/archive", None),
]


@pytest.mark.parametrize(("method", "verb", "body"), [("GET", "", None), *WRITES])
def test_a_strangers_agent_is_not_there(
    charlie: Person, agent: Agent, by_token: Call, by_session: Call, method: str, verb: str, body: Any
) -> None:
    foreign = [call(charlie, method, f"/agents/{agent.pk}{verb}", body) for call in (by_token, by_session)]
    unknown = by_token(charlie, method, f"/agents/{uuid.uuid4()}{verb}", body)
    for response in (*foreign, unknown, by_token(charlie, method, f"/agents/nonsense{verb}", body)):
        error_of(response, 404, "NOT_FOUND")
    with scope(agent.org_id):
        assert Agent.objects.get(pk=agent.pk).status == "active"


def test_a_stranger_lists_only_their_own(charlie: Person, agent: Agent, foreign_agent: Agent, by_token: Call) -> None:
    listed = by_token(charlie, "GET", "/agents").json()["items"]
    assert [item["id"] for item in listed] == [str(foreign_agent.pk)]


@pytest.mark.parametrize(("method", "verb", "body"), WRITES)
def test_operators_and_viewers_read_agents_and_change_none(
    bob: Person, victor: Person, agent: Agent, by_session: Call, method: str, verb: str, body: Any
) -> None:
    for person in (bob, victor):
        assert by_session(person, "GET", f"/agents/{agent.pk}").status_code == 200
        assert by_session(person, "GET", "/agents").status_code == 200
        error_of(by_session(person, method, f"/agents/{agent.pk}{verb}", body), 403, "SCOPE_MISSING")
        error_of(by_session(person, "POST", "/agents", {"name": "A"}), 403, "SCOPE_MISSING")


def test_an_owner_changes_agents_in_their_session(alice: Person, agent: Agent, by_session: Call) -> None:
    assert by_session(alice, "PATCH", f"/agents/{agent.pk}", {"name": "New"}).json()["name"] == "New"


def test_a_token_without_the_scope_is_refused(acme: Organization, agent: Agent, by_token: Call) -> None:
    reader = make_token(acme, scopes=["agent:read"])
    assert by_token(reader, "GET", f"/agents/{agent.pk}").status_code == 200
    error = error_of(by_token(reader, "POST", f"/agents/{agent.pk}/pause"), 403, "SCOPE_MISSING")
    assert "agent:write" in error["message"]


def test_a_token_bound_to_one_agent_knows_no_other(acme: Organization, agent: Agent, by_token: Call) -> None:
    other = make_agent(acme, "Other")
    bound = make_token(acme, agent=agent)
    assert [item["id"] for item in by_token(bound, "GET", "/agents").json()["items"]] == [str(agent.pk)]
    assert by_token(bound, "GET", f"/agents/{agent.pk}").status_code == 200
    error_of(by_token(bound, "GET", f"/agents/{other.pk}"), 404, "NOT_FOUND")
    error_of(by_token(bound, "POST", "/agents", {"name": "A"}), 403, "PERMISSION_DENIED")


def test_nobody_gets_nothing(anonymous: Client, agent: Agent, by_token: Call) -> None:
    response = anonymous.get("/api/v1/agents")
    error_of(response, 401, "UNAUTHENTICATED")
    assert response["WWW-Authenticate"] == "Bearer"
    error_of(by_token("ibex_pat_" + "a" * 43, "GET", "/agents"), 401, "UNAUTHENTICATED")
    error_of(by_token("nonsense", "GET", f"/agents/{agent.pk}"), 401, "UNAUTHENTICATED")


def test_a_wrong_address_is_answered_in_the_same_form(alice: Person, by_token: Call) -> None:
    for path in ("/nothing", "/agents/", f"/agents/{uuid7()}/nothing"):
        error_of(by_token(alice, "GET", path), 404, "NOT_FOUND")
