"""GET /v1/sessions/{id} and POST /v1/sessions/{id}/complete, from the request to the row."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import orjson
import pytest

from agents.api.serializers import SessionSerializer
from agents.models import AuditEvent, Session
from agents.services import sessions
from ibex.core.ids import uuid7
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from proxy import caught_up, drain, journal
from proxy.vault_writer import write_turns
from tests.agents.api.test_sessions import make_session
from tests.factories import make_agent, make_token
from tests.proxy.asgi import call, in_thread
from tests.proxy.test_journal import entry


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


async def completed(name, **headers):
    return await call("POST", f"/v1/sessions/{quote(name, safe='')}/complete", **headers)


async def shown(name, **headers):
    return await call("GET", f"/v1/sessions/{quote(name, safe='')}", **headers)


def row(session):
    with scope(session.org_id):
        return Session.objects.get(pk=session.pk)


@pytest.mark.parametrize("external_id", ["chat-1", "chats/2026/ä b", "%2F"])
async def test_a_session_is_completed_by_either_id(hot_path, agent, headers, external_id):
    session = await in_thread(lambda: make_session(agent, external_id=external_id))
    before = await shown(external_id, **headers)
    assert (before.status, before.json["status"], before.json["id"]) == (200, "active", str(session.pk))
    answered = await completed(external_id, **headers)
    assert (answered.status, answered.json["status"]) == (200, "completed")
    assert answered.headers["x-request-id"]
    again = await completed(str(session.pk), **headers)
    assert again.json == answered.json
    assert (await in_thread(lambda: row(session))).completed_at is not None


async def test_it_is_the_resource_of_the_rest_api(hot_path, agent, headers):
    session = await in_thread(lambda: make_session(agent, external_id="x", end_user="u", turn_count=3))
    expected = await in_thread(lambda: orjson.dumps(SessionSerializer(row(session)).data))
    assert (await shown("x", **headers)).body == expected


async def test_who_completed_it_from_where_is_audited(hot_path, agent, headers):
    session = await in_thread(lambda: make_session(agent))
    await completed(str(session.pk), **headers)

    def events():
        with scope(agent.org_id):
            return list(AuditEvent.objects.filter(object_id=str(session.pk)))

    [event] = await in_thread(events)
    assert (event.action, event.address) == ("session.completed", "192.0.2.7")
    assert event.actor.startswith("token:")


async def test_strangers_sessions_are_as_unknown_as_none_at_all(hot_path, acme, foreign_agent, headers):
    theirs = await in_thread(lambda: make_session(foreign_agent, external_id="theirs"))
    others = await in_thread(lambda: make_session(make_agent(acme, "Other"), external_id="others"))
    bodies = set()
    for ask in (shown, completed):
        for name in ("theirs", "others", "nobodys", str(theirs.pk), str(others.pk), str(uuid4()), "x" * 201, "a\0b"):
            answered = await ask(name, **headers)
            assert (answered.status, answered.error["code"]) == (404, "NOT_FOUND"), name
            bodies.add(answered.body.replace(answered.error["request_id"].encode(), b""))
    assert len(bodies) == 1
    assert (await in_thread(lambda: row(theirs))).status == "active"


@pytest.mark.parametrize(
    ("ask", "scopes"), [(shown, ["session:terminate"]), (completed, ["session:read", "session:create"])]
)
async def test_the_scope_of_each_call_is_asked_for(hot_path, acme, agent, headers, ask, scopes):
    session = await in_thread(lambda: make_session(agent))
    weak = await in_thread(lambda: make_token(acme, scopes=scopes))
    answered = await ask(str(session.pk), **(headers | {"authorization": f"Bearer {weak}"}))
    assert answered.error["code"] == "SCOPE_MISSING"
    assert (await ask(str(session.pk), **(headers | {"authorization": "Bearer nothing"}))).status == 401
    assert (await ask(str(session.pk), authorization=headers["authorization"])).error["code"] == "AGENT_ID_MISSING"
    assert (await ask(str(session.pk), **(headers | {"x_ibex_agent_id": "no-one"}))).status == 403


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/sessions/x/complete"), ("POST", "/v1/sessions/x")])
async def test_another_method_is_answered_405(hot_path, headers, method, path):
    assert (await call(method, path, **headers)).status == 405


async def test_a_session_whose_turns_are_still_in_the_journal_is_waited_for(hot_path, agent, headers, monkeypatch):
    waiting = await in_thread(lambda: redis().xadd(journal.STREAM, {"entry": b"x"}))
    monkeypatch.setattr(caught_up, "WAIT_S", 0.1)
    answered = await completed("on-its-way", **headers)
    assert (answered.status, answered.error["code"]) == (409, "NOT_WRITTEN_YET")
    assert answered.headers["retry-after"] == "1"

    async def drain_writes_it(*_):
        await in_thread(lambda: make_session(agent, external_id="on-its-way"))
        await in_thread(lambda: redis().xdel(journal.STREAM, waiting))
        return []

    monkeypatch.setattr(caught_up, "WAIT_S", 10)
    ends, asked = caught_up._ends, []

    async def ends_after_the_drain():
        asked.append(1)
        return await (drain_writes_it() if len(asked) == 2 else ends())

    monkeypatch.setattr(caught_up, "_ends", ends_after_the_drain)
    assert (await completed("on-its-way", **headers)).json["status"] == "completed"


async def test_what_comes_into_the_journal_later_is_not_waited_for(hot_path, headers, monkeypatch):
    first = await in_thread(lambda: redis().xadd(journal.STREAM, {"entry": b"x"}))
    ends, asked = caught_up._ends, []

    async def ends_while_others_talk():
        asked.append(1)
        if len(asked) == 2:
            await in_thread(lambda: redis().xadd(journal.STREAM, {"entry": b"later"}))
            await in_thread(lambda: redis().xdel(journal.STREAM, first))
        return await ends()

    monkeypatch.setattr(caught_up, "_ends", ends_while_others_talk)
    assert (await shown("nobodys", **headers)).status == 404
    assert len(asked) == 2


async def test_turns_on_this_machines_disk_may_be_what_is_asked_for(hot_path, headers, tmp_path, settings):
    settings.SPOOL_DIR = tmp_path
    assert (await shown("nobodys", **headers)).status == 404
    await in_thread(lambda: (tmp_path / "1.ndjson").write_bytes(b"{}\n"))
    assert (await shown("nobodys", **headers)).status == 409


def spoken(agent, session, at):
    """A turn that ended then, written by the drain now."""
    write_turns(agent.org_id, [entry(agent, session_id=session.pk, started_at=at.timestamp())])
    return row(session)


def test_a_turn_spoken_before_the_end_but_written_after_it_leaves_the_session_completed(agent):
    session = make_session(agent)
    with scope(agent.org_id):
        done = sessions.complete(session, actor="token:t")
    late = spoken(agent, session, done.completed_at - timedelta(seconds=1))
    assert (late.status, late.completed_at, late.turn_count) == ("completed", done.completed_at, 1)


def test_a_turn_spoken_after_the_end_makes_the_session_active_again(agent):
    session = make_session(agent)
    with scope(agent.org_id):
        done = sessions.complete(session, actor="token:t")
    again = spoken(agent, session, done.completed_at + timedelta(seconds=1))
    assert (again.status, again.completed_at, again.turn_count) == ("active", None, 1)
