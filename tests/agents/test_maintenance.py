"""Sessions that nobody speaks in end; turns and traces go when their time is over; those of others are not touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ, Task

from agents import maintenance
from agents.models import Agent, Checkpoint, Organization, Session, Trace
from agents.services.sessions import ARCHIVE_TASK, EXTRACT_TASK
from context.models import Feedback
from ibex.core.ids import first_uuid7, uuid7
from ibex.core.jobs import all_jobs
from ibex.core.tenancy import scope
from memories import store
from memories.models import Memory
from tests.dashboard.conftest import make_memory, make_session, make_trace, make_turn
from tests.factories import make_agent
from tests.flow.conftest import wait_for
from tests.jobs import id_of_day, made_days_ago, one_step, only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")

OLD, NEW = 91, 89
"""Days, around the default retention."""


def silent(agent: Agent, minutes: float, **turn: object) -> Session:
    """A session whose last turn was so long ago."""
    session = make_session(agent)
    make_turn(session, **turn)
    with scope(agent.org_id):
        Session.objects.filter(pk=session.pk).update(last_turn_at=timezone.now() - timedelta(minutes=minutes))
    return session


def status_of(session: Session) -> str:
    with scope(session.org_id):
        return Session.objects.get(pk=session.pk).status


def queued(session: Session) -> int:
    waiting = {row.task["id"] for row in OrmQ.objects.all() if row.task.get("group") == str(session.pk)}
    return len(waiting | set(Task.objects.filter(group=str(session.pk)).values_list("id", flat=True)))


def tasks_of(session: Session) -> set[str]:
    waiting = {row.task["func"] for row in OrmQ.objects.all() if row.task.get("group") == str(session.pk)}
    return waiting | set(Task.objects.filter(group=str(session.pk)).values_list("func", flat=True))


def of_days_ago(agent: Agent, days: float, status: str = "completed") -> Session:
    """A session of one turn and its trace, all of that day."""
    moment = timezone.now() - timedelta(days=days)
    session = make_session(agent, status=status, started_at=moment, last_turn_at=moment)
    made_at = {"said_at": moment, "finished_at": moment}
    turn = make_turn(session, id=id_of_day(days), **made_at)
    made_days_ago(turn, days)
    with scope(agent.org_id):
        Session.objects.filter(pk=session.pk).update(created_at=moment)
        Trace.objects.filter(session=session).update(started_at=moment)
    return session


def left(session: Session) -> tuple[int, int, int]:
    """How many sessions, turns and traces there still are of it."""
    with scope(session.org_id):
        return (
            Session.objects.filter(pk=session.pk).count(),
            Checkpoint.objects.filter(session_id=session.pk).count(),
            Trace.objects.filter(agent_id=session.agent_id).count(),
        )


def waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0] > 0


def test_a_silent_session_is_completed_and_mined_to_its_end(agent, foreign_agent):
    idle, foreign = silent(agent, 16), silent(foreign_agent, 14)
    run_whole("end_idle_sessions")
    assert (status_of(idle), status_of(foreign)) == ("completed", "active")
    assert (queued(idle), queued(foreign)) == (1, 0)
    run_whole("end_idle_sessions")
    assert queued(idle) == 1


def test_what_was_mined_already_is_not_mined_again_but_archived(agent):
    idle, unread = silent(agent, 16), silent(agent, 16)
    with scope(agent.org_id):
        Session.objects.filter(pk=idle.pk).update(last_extracted_turn=1)
    run_whole("end_idle_sessions")
    assert (status_of(idle), tasks_of(idle)) == ("completed", {ARCHIVE_TASK})
    assert tasks_of(unread) == {EXTRACT_TASK}


def test_an_agent_has_an_idle_time_of_its_own(acme):
    patient, hasty = make_agent(acme, "Patient", idle_minutes=60), make_agent(acme, "Hasty", idle_minutes=2)
    sessions = [silent(patient, 20), silent(hasty, 3)]
    run_whole("end_idle_sessions")
    assert [status_of(session) for session in sessions] == ["active", "completed"]


def test_a_session_whose_last_turn_was_broken_off_is_abandoned(agent):
    broken_off, empty = silent(agent, 16, is_complete=False), make_session(agent)
    with scope(agent.org_id):
        Session.objects.filter(pk=empty.pk).update(last_turn_at=timezone.now() - timedelta(hours=1))
    run_whole("end_idle_sessions")
    assert (status_of(broken_off), status_of(empty)) == ("abandoned", "abandoned")


def test_a_killed_run_leaves_whole_batches_and_the_next_does_the_rest(agent, monkeypatch):
    monkeypatch.setattr(maintenance, "SESSIONS_AT_ONCE", 2)
    sessions = [silent(agent, 16) for _ in range(5)]
    one_step("end_idle_sessions")
    assert sorted(status_of(session) for session in sessions).count("completed") == 2
    run_whole("end_idle_sessions")
    assert {status_of(session) for session in sessions} == {"completed"}
    assert [queued(session) for session in sessions] == [1] * 5


def test_two_workers_at_once_end_each_session_once(agent):
    sessions = [silent(agent, 16) for _ in range(20)]

    def sweep(_: int) -> None:
        list(all_jobs()["end_idle_sessions"].steps(None))
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sweep, range(4)))
    assert {status_of(session) for session in sessions} == {"completed"}
    assert [queued(session) for session in sessions] == [1] * 20


def test_turns_go_after_the_retention_and_their_session_with_the_last(agent, foreign_agent):
    old, new = of_days_ago(agent, OLD), of_days_ago(agent, NEW)
    foreign = of_days_ago(foreign_agent, OLD)
    with scope(foreign_agent.org_id):
        Organization.objects.filter(pk=foreign_agent.org_id).update(turn_retention_days=365)
    run_whole("forget_turns")
    assert left(old)[:2] == (0, 0)
    assert left(new)[:2] == left(foreign)[:2] == (1, 1)
    run_whole("forget_turns")
    assert left(new)[:2] == (1, 1)


def test_what_was_learned_stays_and_what_was_said_of_the_session_goes(agent):
    session = of_days_ago(agent, OLD)
    with scope(agent.org_id):
        turn = Checkpoint.objects.get(session=session)
        memory = make_memory(agent, "Tea.", session=session, checkpoint=turn, evidence="I like tea.")
        verdict = Feedback.objects.create(
            org_id=agent.org_id, agent=agent, session=session, turn_id=turn.turn_id, actor="token:t", useful=True
        )
    run_whole("forget_turns")
    with scope(agent.org_id):
        memory = Memory.objects.get(pk=memory.pk)
        assert (memory.session_id, memory.checkpoint_id, memory.evidence) == (None, None, "I like tea.")
        assert not Feedback.objects.filter(pk=verdict.pk).exists()


def test_a_session_that_goes_on_loses_its_old_turns_only(agent):
    session = of_days_ago(agent, OLD, status="active")
    make_turn(session)
    run_whole("forget_turns")
    assert left(session)[:2] == (1, 1)


def test_turns_wait_for_whoever_writes_memories(agent):
    of_days_ago(agent, OLD)

    def forget() -> None:
        try:
            run_whole("forget_turns")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with scope(agent.org_id):
            store.one_writer(agent.org_id, agent.pk)
            forgetting = pool.submit(forget)
            wait_for(lambda: waiting_for_a_lock() or forgetting.done(), what="a wait for the lock")
            assert not forgetting.done()
        forgetting.result(timeout=30)
    with scope(agent.org_id):
        assert not Checkpoint.objects.exists()


def test_traces_have_a_retention_of_their_own(acme, agent, foreign_agent):
    with scope(acme.pk):
        Organization.objects.filter(pk=acme.pk).update(trace_retention_days=7)
    for each in (agent, foreign_agent):
        for days in (6, 8):
            make_trace(each, at=timezone.now() - timedelta(days=days))
    run_whole("forget_traces")
    run_whole("forget_traces")
    with scope(acme.pk):
        assert Trace.objects.count() == 1
    with scope(foreign_agent.org_id):
        assert Trace.objects.count() == 2


def test_a_killed_run_forgets_the_rest_later(agent, monkeypatch):
    monkeypatch.setattr(maintenance, "ROWS_AT_ONCE", 2)
    for _ in range(5):
        make_trace(agent, at=timezone.now() - timedelta(days=OLD))
    one_step("forget_traces")
    with scope(agent.org_id):
        assert Trace.objects.count() == 3
    run_whole("forget_traces")
    with scope(agent.org_id):
        assert Trace.objects.count() == 0


def test_nobody_can_be_made_to_forget_what_is_young_or_anothers(agent, foreign_agent):
    young = make_session(agent)
    make_turn(young)
    foreign = of_days_ago(foreign_agent, OLD)
    with scope(agent.org_id):
        assert maintenance.forget("ibex_forget_turns", timezone.now() + timedelta(days=1), 1_000) == 0
    assert (left(young)[1], left(foreign)[1]) == (1, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT ibex_forget_turns(%s, 1000)", [first_uuid7(timezone.now())])
        assert cursor.fetchone() == (0,), "without a tenant nothing is found"
    with pytest.raises(ProgrammingError), transaction.atomic(), scope(agent.org_id):
        Checkpoint.objects.filter(pk=uuid7())._raw_delete("default")
