"""The end of a session, when somebody says so."""

from __future__ import annotations

import pytest
from django_q.models import OrmQ, Task

from agents.choices import SessionStatus
from agents.models import AuditEvent, Session
from agents.selectors import session_named
from agents.services import sessions
from ibex.core.tenancy import scope
from tests.agents.api.test_sessions import make_session
from tests.factories import make_agent


def complete(session: Session) -> Session:
    with scope(session.org_id):
        return sessions.complete(session, actor="token:t")


def queued(session: Session) -> int:
    """How often it was queued for mining; another test's worker may have taken it already."""
    waiting = [row.task for row in OrmQ.objects.all()]
    mine = [task for task in waiting if task["args"] == (str(session.org_id), str(session.pk))]
    return len(
        {task["id"] for task in mine} | set(Task.objects.filter(group=str(session.pk)).values_list("id", flat=True))
    )


def audited(session: Session) -> list[str]:
    with scope(session.org_id):
        return list(AuditEvent.objects.filter(object_id=str(session.pk)).values_list("action", flat=True))


def test_an_active_session_is_completed_audited_and_mined_once_more(agent):
    session = make_session(agent)
    done = complete(session)
    assert (done.status, done.pk) == (SessionStatus.COMPLETED, session.pk)
    assert done.completed_at is not None
    assert queued(session) == 1
    assert audited(session) == ["session.completed"]


def test_completing_it_again_changes_nothing(agent):
    session = make_session(agent)
    first, second = complete(session), complete(session)
    assert first.completed_at == second.completed_at
    assert (queued(session), audited(session)) == (1, ["session.completed"])


@pytest.mark.parametrize("status", [SessionStatus.ABANDONED, SessionStatus.ERROR])
def test_a_session_that_ended_otherwise_stays_as_it_is(agent, status):
    session = make_session(agent, status=status)
    assert complete(session).status == status
    assert queued(session) == 0


def test_what_is_rolled_back_was_never_queued(agent):
    session = make_session(agent)

    def fail_after_completing():
        with scope(agent.org_id):
            sessions.complete(session, actor="token:t")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_completing()
    assert (queued(session), audited(session)) == (0, [])


def test_a_session_is_found_by_either_id_and_only_for_its_agent(acme, agent, foreign_agent):
    session, other = make_session(agent, external_id="chat-1"), make_agent(acme, "Other")
    named_like_it = make_session(agent, external_id=str(session.pk), minute=1)
    with scope(acme.pk):
        for name in (str(session.pk), "chat-1"):
            assert session_named(acme.pk, agent.pk, name) == session
            assert session_named(acme.pk, other.pk, name) is None
        assert session_named(acme.pk, agent.pk, str(named_like_it.pk)) == named_like_it
        assert session_named(acme.pk, agent.pk, "") is None or session.external_id == ""
    with scope(foreign_agent.org_id):
        assert session_named(foreign_agent.org_id, foreign_agent.pk, str(session.pk)) is None
