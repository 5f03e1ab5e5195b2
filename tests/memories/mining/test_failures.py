"""What becomes of a session whose mining fails: tried again, given up, sent back; and of workers that die."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from agents.models import Agent, Session
from ibex.core.ids import uuid7
from ibex.core.queue import BrokenOff
from ibex.core.tenancy import scope
from memories import tasks
from memories.mining import batch, claim, failures, work
from memories.models import Extraction
from tests.jobs import only_own, run_whole
from tests.memories.making import make_session, memories_of, pointer_of, say

__all__ = ["only_own"]
SECRET = "I live in Porto."


@pytest.fixture
def session(agent: Agent) -> Session:
    made = make_session(agent)
    say(made, SECRET)
    return made


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Mining fails, as PostgreSQL would have it, until the returned function is called."""

    def fail(_kept: object) -> int:
        raise ValueError(f"Failing row contains ({SECRET})")

    monkeypatch.setattr(work.excerpts, "keep", fail)
    return monkeypatch.undo


def mine(session: Session) -> None:
    tasks.extract_session(str(session.org_id), str(session.pk))


def row_of(session: Session) -> Extraction | None:
    with scope(session.org_id):
        return Extraction.objects.filter(session=session).first()


def change(session: Session, **columns: Any) -> None:
    with scope(session.org_id):
        Extraction.objects.filter(session=session).update(**columns)


def time_has_come(session: Session) -> None:
    change(session, next_try_at=timezone.now())


def queued(session: Session) -> list[OrmQ]:
    """Tasks for the session, in the order they were queued."""
    return [row for row in OrmQ.objects.order_by("pk") if str(session.pk) in row.task["args"]]


def given_up(session: Session) -> Extraction:
    for _ in range(claim.RETRIES + 1):
        mine(session)
        time_has_come(session)
    row = row_of(session)
    assert row is not None
    assert row.given_up_at is not None
    return row


def test_what_was_learned_leaves_no_row(session: Session) -> None:
    mine(session)
    assert row_of(session) is None
    mine(session)
    assert row_of(session) is None


@pytest.mark.usefixtures("broken")
def test_a_failure_changes_nothing_but_its_count_which_holds_no_words(session: Session, agent: Agent) -> None:
    mine(session)
    row = row_of(session)
    assert row is not None
    assert (row.failures, row.error, row.holder, row.given_up_at) == (1, "ValueError", None, None)
    assert (pointer_of(session), memories_of(agent)) == (0, [])


@pytest.mark.usefixtures("broken")
def test_it_is_tried_three_times_more_each_after_a_longer_wait(session: Session) -> None:
    waits = []
    for _ in range(claim.RETRIES):
        began = timezone.now()
        mine(session)
        row = row_of(session)
        assert row is not None
        assert row.next_try_at is not None
        waits.append(round((row.next_try_at - began).total_seconds()))
        assert queued(session)[-1].lock == row.next_try_at
        time_has_come(session)
    assert waits == [20, 80, 320]
    mine(session)
    row = row_of(session)
    assert row is not None
    assert (row.failures, row.next_try_at) == (4, None)
    assert row.given_up_at is not None
    assert len(queued(session)) == claim.RETRIES


def test_until_then_nobody_tries(session: Session, broken: Callable[[], None]) -> None:
    mine(session)
    broken()
    mine(session)
    assert pointer_of(session) == 0
    time_has_come(session)
    mine(session)
    assert (pointer_of(session), row_of(session)) == (1, None)


def test_a_later_turn_of_a_session_that_was_given_up_tries_once_more(
    session: Session, broken: Callable[[], None]
) -> None:
    letter = given_up(session)
    say(session, "I play the violin.")
    mine(session)
    row = row_of(session)
    assert row is not None
    assert (row.failures, row.given_up_at, row.next_try_at) == (letter.failures + 1, letter.given_up_at, None)
    broken()
    mine(session)
    assert (pointer_of(session), row_of(session)) == (2, None)


def test_a_dead_letter_is_sent_back_and_learned(session: Session, agent: Agent, broken: Callable[[], None]) -> None:
    given_up(session)
    broken()
    tasks_before = len(queued(session))
    with scope(session.org_id):
        assert failures.replay(session.org_id, session.pk)
        assert not failures.replay(session.org_id, session.pk)
        assert list(failures.failures_of(session.org_id)) == []
    assert len(queued(session)) == tasks_before + 1
    mine(session)
    assert "Porto" in memories_of(agent)[0].content
    assert row_of(session) is None


@pytest.mark.usefixtures("broken")
def test_one_that_fails_again_has_all_its_retries_again(session: Session) -> None:
    given_up(session)
    with scope(session.org_id):
        assert failures.replay_all(session.org_id) == 1
    mine(session)
    row = row_of(session)
    assert row is not None
    assert (row.failures, row.given_up_at) == (1, None)


@pytest.mark.usefixtures("broken")
def test_dead_letters_are_their_organizations_own(session: Session, foreign_agent: Agent) -> None:
    given_up(session)
    with scope(foreign_agent.org_id):
        assert list(failures.given_up(session.org_id)) == []
        assert not failures.replay(session.org_id, session.pk)
    with scope(foreign_agent.org_id):
        assert failures.replay_all(foreign_agent.org_id) == 0


class TestWorkersThatDie:
    def test_while_one_is_at_it_others_leave_it_alone_and_look_again_once(self, session: Session) -> None:
        with scope(session.org_id):
            held = claim.hold(session, uuid7())
        assert held is not None
        assert held.seen_at is not None
        mine(session)
        mine(session)
        assert pointer_of(session) == 0
        assert [task.lock for task in queued(session)] == [held.seen_at + claim.LEASE]

    def test_one_that_is_silent_for_too_long_is_counted_and_followed(self, session: Session) -> None:
        self.die(session)
        mine(session)
        assert (pointer_of(session), row_of(session)) == (1, None)

    def test_what_kills_every_worker_is_given_up(self, session: Session) -> None:
        for _ in range(claim.RETRIES + 1):
            self.die(session)
        mine(session)
        row = row_of(session)
        assert row is not None
        assert (row.error, row.failures, row.holder) == (claim.DIED, claim.RETRIES + 1, None)
        assert (pointer_of(session), row.given_up_at is None) == (0, False)

    def test_one_that_was_only_slow_writes_nothing_twice(self, session: Session, agent: Agent) -> None:
        slow = uuid7()
        turns = batch.next_batch(session.org_id, session.pk, slow)
        assert turns is not None
        change(session, seen_at=timezone.now() - claim.LEASE)
        mine(session)
        work._mine(turns)
        assert batch.next_batch(session.org_id, session.pk, slow) is None
        assert {memory.proof_count for memory in memories_of(agent)} == {1}
        claim.failed(session.org_id, session.pk, slow, "ValueError")
        assert row_of(session) is None

    @pytest.mark.usefixtures("only_own")
    def test_the_job_takes_up_what_the_queue_does_not(self, session: Session) -> None:
        self.die(session)
        assert run_whole("resume_extractions")["extractions_resumed"] == 0
        change(session, seen_at=timezone.now() - timedelta(minutes=5))
        assert run_whole("resume_extractions")["extractions_resumed"] == 1
        assert len(queued(session)) == 1
        mine(session)
        assert run_whole("resume_extractions")["extractions_resumed"] == 0

    def die(self, session: Session) -> None:
        """A task takes the session, and is not heard of for as long as one may take."""
        with scope(session.org_id):
            claim.hold(session, uuid7())
        change(session, seen_at=timezone.now() - claim.LEASE)


def test_a_task_whose_time_is_up_leaves_the_rest_to_another(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "WORK_S", 0.0)
    monkeypatch.setattr(batch, "TURNS_AT_ONCE", 1)
    say(session, "I play the violin.")
    mine(session)
    assert (pointer_of(session), len(queued(session))) == (1, 1)
    mine(session)
    assert pointer_of(session) == 2


@pytest.mark.usefixtures("broken")
def test_a_failure_that_cannot_be_recorded_is_raised_without_its_words(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_told: object) -> None:
        raise OSError(SECRET)

    monkeypatch.setattr(claim, "failed", away)
    with pytest.raises(work.ExtractionFailed, match=r"ValueError at .* OSError at ") as failed:
        mine(session)
    assert "Porto" not in "".join(traceback.format_exception(failed.value))


def test_a_task_whose_time_is_up_says_so_and_is_tried_again_without_waiting_for_its_claim_to_run_out(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(_kept: object) -> int:
        raise BrokenOff("Task exceeded maximum timeout value (120 seconds)")

    monkeypatch.setattr(work.excerpts, "keep", too_late)
    with pytest.raises(BrokenOff):
        mine(session)

    row = row_of(session)
    assert row is not None
    assert (row.error, row.failures, row.holder) == (work.TOO_LATE, 1, None)
    assert row.next_try_at is not None
    assert row.next_try_at <= timezone.now() + claim.FIRST_WAIT
    monkeypatch.undo()
    time_has_come(session)
    mine(session)
    assert (pointer_of(session), row_of(session)) == (1, None)
