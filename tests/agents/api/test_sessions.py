from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from agents.models import Agent, Checkpoint, Organization, Session
from ibex.core.tenancy import scope
from tests.agents.api.conftest import Call
from tests.agents.api.test_agents import error_of, fields_of
from tests.factories import Person, make_agent, make_token

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def make_session(agent: Agent, minute: int = 0, **fields: object) -> Session:
    at = NOON + timedelta(minutes=minute)
    with scope(agent.org_id):
        return Session.objects.create(org_id=agent.org_id, agent=agent, started_at=at, last_turn_at=at, **fields)


def make_turns(session: Session, count: int) -> None:
    with scope(session.org_id):
        for number in range(1, count + 1):
            Checkpoint.objects.create(
                org_id=session.org_id,
                agent_id=session.agent_id,
                session=session,
                number=number,
                turn_id=uuid4(),
                messages=[{"role": "user", "content": f"Question {number}"}],
                assistant_text=f"Answer {number}",
                said_at=NOON,
                finished_at=NOON,
            )


def test_the_session_that_spoke_last_comes_first_on_every_page(alice: Person, agent: Agent, by_token: Call) -> None:
    expected = [str(make_session(agent, minute).pk) for minute in (5, 5, 3, 9, 1)]
    expected = [expected[3], expected[1], expected[0], expected[2], expected[4]]
    seen: list[str] = []
    cursor = ""
    while True:
        page = by_token(alice, "GET", f"/sessions?limit=2{cursor}").json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == expected


def test_a_session_and_its_turns_are_read_in_order(alice: Person, agent: Agent, by_token: Call) -> None:
    session = make_session(agent, end_user="u1", external_id="chat-1")
    make_turns(session, 3)
    shown = by_token(alice, "GET", f"/sessions/{session.pk}").json()
    assert (shown["agent_id"], shown["end_user"], shown["status"]) == (str(agent.pk), "u1", "active")
    first = by_token(alice, "GET", f"/sessions/{session.pk}/checkpoints?limit=2").json()
    rest = by_token(alice, "GET", f"/sessions/{session.pk}/checkpoints?limit=2&cursor={first['next_cursor']}").json()
    turns = first["items"] + rest["items"]
    assert [turn["number"] for turn in turns] == [1, 2, 3]
    assert turns[0]["messages"] == [{"role": "user", "content": "Question 1"}]
    assert turns[2]["assistant_text"] == "Answer 3"


def test_filters_narrow_the_list(alice: Person, acme: Organization, agent: Agent, by_token: Call) -> None:
    other = make_agent(acme, "Other")
    early = make_session(agent, 0, end_user="u1", status="completed")
    late = make_session(other, 10, external_id="chat-2")

    def found(query: str) -> list[str]:
        return [item["id"] for item in by_token(alice, "GET", f"/sessions?{query}").json()["items"]]

    assert found(f"agent_id={agent.pk}") == [str(early.pk)]
    assert found("status=completed") == [str(early.pk)]
    assert found("end_user=u1") == [str(early.pk)]
    assert found("external_id=chat-2") == [str(late.pk)]
    assert found("active_after=2026-03-01T12:05:00Z") == [str(late.pk)]
    assert found("active_before=2026-03-01T12:05:00Z") == [str(early.pk)]


@pytest.mark.parametrize(
    ("query", "field"), [("agent_id=x", "agent_id"), ("status=x", "status"), ("active_after=x", "active_after")]
)
def test_a_filter_that_means_nothing_is_refused(alice: Person, by_token: Call, query: str, field: str) -> None:
    assert list(fields_of(error_of(by_token(alice, "GET", f"/sessions?{query}"), 400, "INVALID_REQUEST"))) == [field]


def test_strangers_find_nothing(charlie: Person, agent: Agent, by_token: Call, by_session: Call) -> None:
    session = make_session(agent)
    make_turns(session, 1)
    for call in (by_token, by_session):
        error_of(call(charlie, "GET", f"/sessions/{session.pk}"), 404, "NOT_FOUND")
        error_of(call(charlie, "GET", f"/sessions/{session.pk}/checkpoints"), 404, "NOT_FOUND")
        assert call(charlie, "GET", "/sessions").json()["items"] == []
    assert Client().get(f"/api/v1/sessions/{session.pk}").status_code == 401


def test_a_bound_token_finds_its_own_agents_sessions(acme: Organization, agent: Agent, by_token: Call) -> None:
    mine, others = make_session(agent), make_session(make_agent(acme, "Other"))
    bound = make_token(acme, agent=agent)
    assert [item["id"] for item in by_token(bound, "GET", "/sessions").json()["items"]] == [str(mine.pk)]
    error_of(by_token(bound, "GET", f"/sessions/{others.pk}"), 404, "NOT_FOUND")
    error_of(by_token(bound, "GET", f"/sessions/{others.pk}/checkpoints"), 404, "NOT_FOUND")


def test_the_whole_team_reads_sessions_and_nobody_writes_them(
    alice: Person, bob: Person, victor: Person, agent: Agent, by_session: Call
) -> None:
    session = make_session(agent)
    for person in (alice, bob, victor):
        assert by_session(person, "GET", f"/sessions/{session.pk}").status_code == 200
        assert by_session(person, "GET", f"/sessions/{session.pk}/checkpoints").status_code == 200
    error_of(by_session(alice, "DELETE", f"/sessions/{session.pk}"), 405, "METHOD_NOT_ALLOWED")
    error_of(by_session(alice, "POST", "/sessions", {}), 405, "METHOD_NOT_ALLOWED")


def test_a_token_without_the_scope_is_refused(acme: Organization, agent: Agent, by_token: Call) -> None:
    session = make_session(agent)
    other = make_token(acme, scopes=["agent:read"])
    for path in ("/sessions", f"/sessions/{session.pk}", f"/sessions/{session.pk}/checkpoints"):
        error_of(by_token(other, "GET", path), 403, "SCOPE_MISSING")


def test_a_session_is_completed_and_stays_so(alice: Person, agent: Agent, by_token: Call) -> None:
    session = make_session(agent)
    first = by_token(alice, "POST", f"/sessions/{session.pk}/complete")
    assert (first.status_code, first.json()["status"]) == (200, "completed")
    assert by_token(alice, "POST", f"/sessions/{session.pk}/complete").json() == first.json()
    assert by_token(alice, "GET", f"/sessions/{session.pk}").json() == first.json()


def test_who_only_looks_and_strangers_complete_nothing(
    bob: Person, victor: Person, charlie: Person, acme: Organization, agent: Agent, by_token: Call, by_session: Call
) -> None:
    path = f"/sessions/{make_session(agent).pk}/complete"
    error_of(by_session(victor, "POST", path), 403, "SCOPE_MISSING")
    error_of(by_token(make_token(acme, scopes=["session:read"]), "POST", path), 403, "SCOPE_MISSING")
    error_of(by_token(make_token(acme, agent=make_agent(acme, "Other")), "POST", path), 404, "NOT_FOUND")
    for call in (by_token, by_session):
        error_of(call(charlie, "POST", path), 404, "NOT_FOUND")
    assert by_session(bob, "POST", path).json()["status"] == "completed"
