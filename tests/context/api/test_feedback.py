"""/api/v1/feedback: who may judge, who may read, and what is refused."""

from __future__ import annotations

import pytest
from django.test import Client

from agents.models import Trace
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from tests.agents.api.conftest import by_session, by_token
from tests.agents.api.test_agents import error_of, fields_of
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.factories import make_agent, make_token

__all__ = ["by_session", "by_token"]


@pytest.fixture
def tea(agent):
    return make_memory(agent, "Tea.")


@pytest.fixture
def request_id(agent, tea):
    turn = make_turn(make_session(agent))
    inject(turn, tea)
    with scope(agent.org_id):
        return Trace.objects.get(turn_id=turn.turn_id).request_id


def items(by_token, who, query=""):
    return by_token(who, "GET", f"/feedback{query}").json()["items"]


def test_a_verdict_is_given_once_and_listed(alice, by_token, agent, tea, request_id):
    body = {"request_id": request_id.upper(), "useful": True, "comment": "Spot on."}
    first = by_token(alice, "POST", "/feedback", body)
    assert first.status_code == 201
    judged = [{"id": str(tea.pk), "usefulness": pytest.approx(0.6)}]
    assert first.json() == {"request_id": request_id, "useful": True, "memories": judged}
    again = by_token(alice, "POST", "/feedback", body)
    assert (again.status_code, again.json()) == (200, first.json())
    memory, answer = items(by_token, alice)
    assert (memory["memory_id"], memory["comment"]) == (str(tea.pk), "")
    assert (answer["memory_id"], answer["comment"], answer["useful"]) == (None, "Spot on.", True)
    assert {(item["agent_id"], item["request_id"], item["source"]) for item in (memory, answer)} == {
        (str(agent.pk), request_id, "explicit")
    }


def test_filters_narrow_the_list(alice, by_token, acme, agent, tea, request_id):
    other = make_agent(acme, "Other")
    by_token(alice, "POST", "/feedback", {"request_id": request_id, "useful": True})
    by_token(alice, "POST", "/feedback", {"memory_ids": [str(make_memory(other, "Cats.").pk)], "useful": False})
    [session_id] = {item["session_id"] for item in items(by_token, alice)} - {None}
    for query, count in (
        ("", 3),
        (f"?agent_id={other.pk}", 1),
        (f"?memory_id={tea.pk}", 1),
        (f"?request_id={request_id}", 2),
        (f"?session_id={session_id}", 2),
        ("?useful=false", 1),
        ("?created_after=2100-01-01T00:00:00Z", 0),
        ("?limit=2", 2),
    ):
        assert len(items(by_token, alice, query)) == count, query
    error_of(by_token(alice, "GET", "/feedback?memory_id=x"), 400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"useful": True}, "request_id", "REQUIRED"),
        ({"request_id": None, "memory_ids": [], "useful": True}, "request_id", "REQUIRED"),
        ({"request_id": "x", "useful": True}, "request_id", "INVALID_FORMAT"),
        ({"request_id": str(uuid7())}, "useful", "REQUIRED"),
        ({"request_id": str(uuid7()), "useful": "perhaps"}, "useful", "INVALID_FORMAT"),
        ({"request_id": str(uuid7()), "useful": True, "comment": "x" * 2_001}, "comment", "TOO_LONG"),
        ({"memory_ids": [str(uuid7())] * 101, "useful": True}, "memory_ids", "TOO_MANY"),
        ({"memory_ids": ["x"], "useful": True}, "memory_ids[0]", "INVALID_FORMAT"),
        ({"memory_ids": [str(uuid7())], "useful": True}, "memory_ids[0]", "INVALID_FORMAT"),
    ],
)
def test_a_refused_field_is_named_with_its_code(alice, by_token, body, field, code):
    fields = fields_of(error_of(by_token(alice, "POST", "/feedback", body), 400, "INVALID_REQUEST"))
    assert fields == {field: code}


def test_who_only_looks_reads_and_who_lacks_the_scope_does_not(
    bob, victor, acme, agent, request_id, by_session, by_token
):
    body = {"request_id": request_id, "useful": False}
    error_of(by_session(victor, "POST", "/feedback", body), 403, "SCOPE_MISSING")
    error_of(by_token(make_token(acme, scopes=["memory:read"]), "POST", "/feedback", body), 403, "SCOPE_MISSING")
    error_of(by_token(make_token(acme, scopes=["memory:write"]), "GET", "/feedback"), 403, "SCOPE_MISSING")
    assert by_session(bob, "POST", "/feedback", body).status_code == 201
    assert len(by_session(victor, "GET", "/feedback").json()["items"]) == 2
    assert Client().post("/api/v1/feedback", body, content_type="application/json").status_code == 401


def test_strangers_find_nothing_to_judge_and_nothing_to_read(alice, charlie, acme, tea, request_id, by_token):
    by_token(alice, "POST", "/feedback", {"request_id": request_id, "useful": True})
    bound = make_token(acme, agent=make_agent(acme, "Other"))
    for stranger in (charlie, bound):
        assert items(by_token, stranger) == []
        on_request = by_token(stranger, "POST", "/feedback", {"request_id": request_id, "useful": False})
        nobodys = by_token(stranger, "POST", "/feedback", {"request_id": str(uuid7()), "useful": False})
        assert error_of(on_request, 404, "NOT_FOUND")["message"] == error_of(nobodys, 404, "NOT_FOUND")["message"]
        on_memory = by_token(stranger, "POST", "/feedback", {"memory_ids": [str(tea.pk)], "useful": False})
        nothing = by_token(stranger, "POST", "/feedback", {"memory_ids": [str(uuid7())], "useful": False})
        refused = [error_of(answer, 400, "INVALID_REQUEST")["field_errors"] for answer in (on_memory, nothing)]
        assert refused[0] == refused[1]
    assert len(items(by_token, alice)) == 2


def test_it_cannot_be_changed_or_taken_back(alice, by_token, tea):
    by_token(alice, "POST", "/feedback", {"memory_ids": [str(tea.pk)], "useful": True})
    [item] = items(by_token, alice)
    for method in ("PUT", "PATCH", "DELETE"):
        assert by_token(alice, method, f"/feedback/{item['id']}", {}).status_code in {404, 405}
        assert by_token(alice, method, "/feedback", {}).status_code == 405
