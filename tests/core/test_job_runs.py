"""Jobs: one run at a time, stopped after any step, taken up where they stood, and recorded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from itertools import islice
from threading import Event
from uuid import UUID

import pytest
from django.db import connections
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from ibex.core import job_runs, jobs, schedules
from ibex.core.errors import NotFound
from ibex.core.ids import uuid7
from ibex.core.jobs import Batch, Place, Progress, sweep
from ibex.core.models import JobOutcome, JobRun
from ibex.core.tenancy import current_org_id
from tests.jobs import make_job

FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))

__all__ = ["make_job"]


class Killed(BaseException):
    """What the kernel does to a worker, as far as Python can say it."""


def runs(name: str) -> list[JobRun]:
    return list(JobRun.objects.filter(job=name).order_by("started_at"))


def outcomes(name: str) -> list[str]:
    return [run.outcome for run in runs(name)]


def queued(name: str) -> int:
    waiting = {row.task["id"] for row in OrmQ.objects.all() if row.task.get("group") == name}
    return len(waiting | set(Task.objects.filter(group=name).values_list("id", flat=True)))


def through(*org_ids: UUID, seen: list[UUID]) -> jobs.Work:
    """One step for each id, from where an earlier run was stopped."""

    def work(place: Place | None) -> Iterator[Progress]:
        for org_id in org_ids:
            if place is None or org_id > place.org_id:
                seen.append(org_id)
                yield Progress(counts={"rows": 1}, place=Place(org_id=org_id))

    return work


def test_a_run_is_recorded_with_what_it_did(make_job):
    name = make_job(through(FIRST, SECOND, seen=[]))
    assert job_runs.run_job(name) == JobOutcome.SUCCEEDED
    [run] = runs(name)
    assert (run.counts, run.error, run.at_org) == ({"rows": 2}, "", None)
    assert run.started_at <= run.seen_at <= run.finished_at


def test_a_run_whose_time_is_up_queues_the_rest_which_goes_on_where_it_stood(make_job):
    seen: list[UUID] = []
    name = make_job(through(FIRST, SECOND, THIRD, seen=seen))
    assert job_runs.run_job(name, time_s=0) == JobOutcome.PARTIAL
    assert queued(name) == 1
    assert job_runs.run_job(name, time_s=0) == JobOutcome.PARTIAL
    assert job_runs.run_job(name) == JobOutcome.SUCCEEDED
    assert seen == [FIRST, SECOND, THIRD]
    assert outcomes(name) == ["partial", "partial", "succeeded"]


def test_after_a_whole_run_the_next_begins_anew(make_job):
    seen: list[UUID] = []
    name = make_job(through(FIRST, SECOND, seen=seen))
    job_runs.run_job(name)
    job_runs.run_job(name)
    assert seen == [FIRST, SECOND] * 2


def test_a_run_that_was_killed_is_shown_as_dead_and_the_next_goes_on(make_job):
    seen: list[UUID] = []

    def work(place: Place | None) -> Iterator[Progress]:
        for step in through(FIRST, SECOND, THIRD, seen=seen)(place):
            if seen == [FIRST, SECOND]:
                raise Killed
            yield step

    name = make_job(work)
    with pytest.raises(Killed):
        job_runs.run_job(name)
    assert job_runs.run_job(name) == "", "it may still be alive"
    JobRun.objects.filter(job=name).update(seen_at=Now() - timedelta(seconds=job_runs.LEASE_S + 1))
    assert job_runs.is_silent(runs(name)[0])
    assert job_runs.run_job(name) == JobOutcome.SUCCEEDED
    assert seen == [FIRST, SECOND, SECOND, THIRD], "only the step that was not finished is done again"
    dead, done = runs(name)
    assert (dead.outcome, dead.counts, dead.finished_at) == ("dead", {"rows": 1}, dead.seen_at)
    assert done.counts == {"rows": 2}


def test_two_at_once_are_one(make_job):
    second: list[str] = []

    def work(_place: Place | None) -> Iterator[Progress]:
        second.append(job_runs.run_job(name))
        yield Progress(counts={"rows": 1})

    name = make_job(work)
    assert job_runs.run_job(name) == JobOutcome.SUCCEEDED
    assert second == [""]
    assert outcomes(name) == ["succeeded"]


def test_of_many_workers_one_runs_a_job(make_job):
    may_end = Event()

    def work(_place: Place | None) -> Iterator[Progress]:
        assert may_end.wait(30)
        yield Progress(counts={"rows": 1})

    def worker(_: int) -> str:
        try:
            return job_runs.run_job(name)
        finally:
            connections.close_all()

    name = make_job(work)
    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(worker, number) for number in range(5)]
        ended = [future.result() for future in islice(as_completed(running), 4)]
        may_end.set()
        assert ended == [""] * 4
    assert outcomes(name) == ["succeeded"]


def test_a_run_that_was_taken_for_dead_stops_and_writes_nothing_more(make_job):
    seen: list[UUID] = []

    def work(place: Place | None) -> Iterator[Progress]:
        for step in through(FIRST, SECOND, seen=seen)(place):
            if len(runs(name)) == 1:
                JobRun.objects.filter(job=name).update(seen_at=Now() - timedelta(seconds=job_runs.LEASE_S + 1))
                assert job_runs.run_job(name) == JobOutcome.SUCCEEDED
            yield step

    name = make_job(work)
    assert job_runs.run_job(name) == ""
    assert seen == [FIRST, FIRST, SECOND], "the first run did no second step"
    assert outcomes(name) == ["dead", "succeeded"]
    assert runs(name)[0].counts == {}


def test_of_what_broke_only_the_type_is_kept(make_job):
    def work(_place: Place | None) -> Iterator[Progress]:
        yield Progress(counts={"rows": 1}, place=Place(org_id=FIRST))
        raise ValueError("my secret words")

    name = make_job(work)
    assert job_runs.run_job(name) == JobOutcome.FAILED
    [run] = runs(name)
    assert (run.error, run.counts, run.at_org) == ("ValueError", {"rows": 1}, None)


def test_an_organization_that_fails_stops_no_other(acme, globex, make_job):
    acme_id, globex_id = sorted([acme.pk, globex.pk])

    def batch(org_id: UUID, _after: UUID | None) -> Batch:
        assert current_org_id() == org_id
        if org_id == acme_id:
            raise ValueError("my secret words")
        return Batch(counts={"rows": 1})

    name = make_job(lambda place: sweep("tests", lambda _system: [acme_id, globex_id], batch, place))
    assert job_runs.run_job(name) == JobOutcome.FAILED
    assert runs(name)[0].counts == {"organizations_failed": 1, "rows": 1}
    assert runs(name)[0].error == "ValueError"


def test_a_sweep_stops_when_everything_fails():
    asked: list[UUID] = []

    def batch(org_id: UUID, _after: UUID | None) -> Batch:
        asked.append(org_id)
        raise OSError

    list(sweep("tests", lambda _system: [uuid7() for _ in range(9)], batch, None))
    assert len(asked) == jobs.FAILED_IN_A_ROW_MAX


def test_a_sweep_goes_on_with_the_row_after_the_last_one(acme):
    rows = [uuid7() for _ in range(3)]
    asked: list[UUID | None] = []

    def batch(_org_id: UUID, after: UUID | None) -> Batch:
        asked.append(after)
        row = rows[rows.index(after) + 1 if after else 0]
        return Batch(last=row, has_more=row != rows[-1])

    steps = sweep("tests", lambda _system: [acme.pk], batch, None)
    place = next(steps).place
    assert place == Place(org_id=acme.pk, row_id=rows[0])
    list(sweep("tests", lambda _system: [acme.pk], batch, place))
    assert asked == [None, rows[0], rows[1]]


def test_every_job_can_be_loaded():
    known = jobs.all_jobs()
    assert len(known) >= 10
    for job in known.values():
        job.steps(None)


def test_every_job_is_scheduled_once(make_job):
    name = make_job(through(seen=[]))
    schedules.ensure()
    schedules.ensure()
    assert set(schedules.scheduled()) == {*jobs.all_jobs(), name}
    assert Schedule.objects.filter(func=schedules.RUN_TASK).count() == len(jobs.all_jobs()) + 1


def test_what_was_switched_off_stays_off_and_what_is_no_more_is_removed(make_job, monkeypatch):
    gone = make_job(through(seen=[]))
    schedules.ensure()
    assert schedules.scheduled()[gone].is_enabled
    schedules.switch(gone, on=False)
    schedules.ensure()
    assert not schedules.scheduled()[gone].is_enabled
    schedules.switch(gone, on=True)
    assert schedules.scheduled()[gone].is_enabled
    monkeypatch.setattr(schedules, "all_jobs", jobs.all_jobs)
    schedules.ensure()
    assert gone not in schedules.scheduled()
    with pytest.raises(NotFound):
        schedules.switch(gone, on=True)


def test_the_scheduler_queues_what_is_due(make_job):
    from django_q.scheduler import scheduler

    name = make_job(through(FIRST, seen=[]))
    schedules.ensure()
    Schedule.objects.filter(name=name).update(next_run=Now() - timedelta(seconds=1))
    scheduler()
    assert queued(name) == 1
    assert Schedule.objects.get(name=name).args == repr((name,))
    assert schedules.scheduled()[name].next_run > timezone.now()


def test_old_runs_are_forgotten_and_idle_ones_sooner(make_job):
    name, idle = make_job(through(FIRST, seen=[])), make_job(through(seen=[]))
    for days in (job_runs.KEPT_DAYS + 1, job_runs.KEPT_DAYS - 1, job_runs.IDLE_KEPT_DAYS - 1):
        for each in (name, idle):
            job_runs.run_job(each)
        moment = timezone.now() - timedelta(days=days)
        JobRun.objects.filter(job__in=[name, idle], started_at__gt=timezone.now() - timedelta(hours=1)).update(
            started_at=moment, finished_at=moment
        )
    list(job_runs.forget_runs(None))
    assert (len(runs(name)), len(runs(idle))) == (2, 1)
