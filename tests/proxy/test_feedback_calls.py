"""POST /v1/feedback, from the request to the memory that it moves."""

from __future__ import annotations

import pytest

from agents.models import AuditEvent, Trace
from context.models import Feedback
from ibex.core.ids import uuid7
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from memories.models import Memory
from proxy import caught_up, drain, journal
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.factories import make_agent, make_token
from tests.proxy.asgi import call, in_thread

PATH = "/v1/feedback"


@pytest.fixture(autouse=True)
def own_stream(monkeypatch):
    """A journal of this test's own."""
    name = f"ibex:test:{uuid7()}"
    monkeypatch.setattr(drain, "STREAM", name)
    monkeypatch.setattr(journal, "STREAM", name)
    yield name
    redis().delete(name)


@pytest.fixture
def headers(acme, agent):
    return {"authorization": f"Bearer {make_token(acme)}", "x_ibex_agent_id": agent.slug}


def injected(agent, content):
    """A memory and the id of a request that was given it."""
    memory, turn = make_memory(agent, content), make_turn(make_session(agent))
    inject(turn, memory)
    with scope(agent.org_id):
        return memory, Trace.objects.get(turn_id=turn.turn_id).request_id


async def worth(memory):
    def read():
        with scope(memory.org_id):
            return Memory.objects.get(pk=memory.pk).usefulness

    return await in_thread(read)


async def test_an_application_judges_its_own_answer(hot_path, agent, headers):
    memory, request_id = await in_thread(lambda: injected(agent, "Tea."))
    body = {"request_id": request_id, "useful": False, "comment": "Old news."}
    answered = await call("POST", PATH, body, **headers)
    judged = [{"id": str(memory.pk), "usefulness": pytest.approx(0.4)}]
    assert (answered.status, answered.json) == (201, {"request_id": request_id, "useful": False, "memories": judged})
    assert (await call("POST", PATH, body, **headers)).status == 200
    assert await worth(memory) == pytest.approx(0.4)
    assert (await call("POST", PATH, body | {"useful": True}, **headers)).status == 201
    assert await worth(memory) == pytest.approx(0.6)

    def audited():
        with scope(agent.org_id):
            return list(AuditEvent.objects.filter(action="feedback.given").values_list("address", flat=True))

    assert await in_thread(audited) == ["192.0.2.7"] * 2


async def test_memories_are_judged_by_themselves(hot_path, agent, headers):
    memory = await in_thread(lambda: make_memory(agent, "Tea."))
    answered = await call("POST", PATH, {"memory_ids": [str(memory.pk)], "useful": True}, **headers)
    assert (answered.status, answered.json["request_id"]) == (201, "")
    assert await worth(memory) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"useful": True}, "request_id", "REQUIRED"),
        ({"request_id": ["x"], "useful": True}, "request_id", "INVALID_FORMAT"),
        ({"request_id": str(uuid7())}, "useful", "REQUIRED"),
        ({"request_id": str(uuid7()), "useful": True, "comment": "a\0b"}, "comment", "INVALID_FORMAT"),
        ({"request_id": str(uuid7()), "useful": True, "comment": "x" * 2_001}, "comment", "TOO_LONG"),
        ({"memory_ids": [str(uuid7())], "useful": True}, "memory_ids[0]", "INVALID_FORMAT"),
    ],
)
async def test_a_refused_field_is_named_with_its_code(hot_path, headers, body, field, code):
    answered = await call("POST", PATH, body, **headers)
    assert answered.status == 400
    assert [(e["field"], e["code"]) for e in answered.error["field_errors"]] == [(field, code)]


async def test_bodies_are_checked_as_everywhere(hot_path, headers):
    assert (await call("POST", PATH, b"{", **headers)).status == 400
    assert (await call("POST", PATH, b"[]", **headers)).status == 400
    assert (await call("POST", PATH, {}, content_type="text/plain", **headers)).status == 415
    assert (await call("GET", PATH, **headers)).status == 405


async def test_the_token_its_scope_and_the_agent_are_asked_for(hot_path, acme, headers):
    body = {"request_id": str(uuid7()), "useful": True}
    weak = await in_thread(lambda: make_token(acme, scopes=["memory:read", "session:create", "session:read"]))
    assert (await call("POST", PATH, body)).status == 401
    answered = await call("POST", PATH, body, **(headers | {"authorization": f"Bearer {weak}"}))
    assert answered.error["code"] == "SCOPE_MISSING"
    answered = await call("POST", PATH, body, authorization=headers["authorization"])
    assert answered.error["code"] == "AGENT_ID_MISSING"


async def test_strangers_requests_are_as_unknown_as_none_at_all(hot_path, acme, agent, foreign_agent, headers):
    theirs, their_request = await in_thread(lambda: injected(foreign_agent, "Theirs."))
    others, others_request = await in_thread(lambda: injected(make_agent(acme, "Other"), "Others'."))
    bodies = set()
    for request_id in (their_request, others_request, str(uuid7())):
        answered = await call("POST", PATH, {"request_id": request_id, "useful": False}, **headers)
        assert (answered.status, answered.error["code"]) == (404, "NOT_FOUND")
        bodies.add(answered.body.replace(answered.error["request_id"].encode(), b""))
    for memory in (theirs, others):
        answered = await call("POST", PATH, {"memory_ids": [str(memory.pk)], "useful": False}, **headers)
        assert (answered.status, answered.error["code"]) == (400, "INVALID_REQUEST")
    assert len(bodies) == 1
    assert await worth(theirs) == await worth(others) == 0.5


async def test_a_request_whose_turn_is_still_in_the_journal_may_be_sent_again(hot_path, agent, headers, monkeypatch):
    monkeypatch.setattr(caught_up, "WAIT_S", 0.1)
    memory, request_id = await in_thread(lambda: injected(agent, "Tea."))
    waiting = await in_thread(lambda: redis().xadd(journal.STREAM, {"entry": b"x"}))
    unwritten = {"request_id": str(uuid7()), "useful": True}
    answered = await call("POST", PATH, unwritten, **headers)
    assert (answered.status, answered.error["code"]) == (409, "NOT_WRITTEN_YET")
    assert answered.headers["retry-after"] == "1"
    # What is written already does not wait for the journal.
    assert (await call("POST", PATH, {"request_id": request_id, "useful": True}, **headers)).status == 201
    await in_thread(lambda: redis().xdel(journal.STREAM, waiting))
    assert (await call("POST", PATH, unwritten, **headers)).status == 404

    def kept():
        with scope(agent.org_id):
            return Feedback.objects.filter(agent=agent).count()

    assert await in_thread(kept) == 2
    assert await worth(memory) == pytest.approx(0.6)
