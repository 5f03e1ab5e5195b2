"""Jobs, without touching what other tests do at the same time in the same database; and rows of long ago."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import models
from django.utils import timezone
from django_q.models import Schedule

from agents.models import Organization
from ibex.core import jobs, schedules
from ibex.core.ids import first_uuid7
from ibex.core.jobs import Job, Organizations, Place, Progress, Work, all_jobs
from ibex.core.tenancy import cross_tenant

MakeJob = Callable[..., str]


@pytest.fixture
def only_own(monkeypatch: pytest.MonkeyPatch, acme: Organization, globex: Organization) -> None:
    """Sweeps see the organizations of this test only, in those that the job itself lists."""
    listed = jobs._listed

    def own(reason: str, organizations: Organizations) -> Iterable[UUID]:
        return [org_id for org_id in listed(reason, organizations) if org_id in {acme.pk, globex.pk}]

    monkeypatch.setattr(jobs, "_listed", own)


@pytest.fixture
def make_job(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeJob]:
    """Add a job whose work is the given function; its name. Schedules are this test's own."""
    known = dict(all_jobs())
    for module in ("ibex.core.job_runs", "ibex.core.schedules", "ibex.dashboard.jobs", "ibex.dashboard.job_pages"):
        monkeypatch.setattr(f"{module}.all_jobs", lambda: known)
    monkeypatch.setattr(schedules, "RUN_TASK", task := f"tests.{secrets.token_hex(5)}")

    def make(work: Work, every: timedelta = timedelta(minutes=1)) -> str:
        class Made(Job):
            def steps(self, place: Place | None) -> Iterator[Progress]:
                return work(place)

        name = f"test-{secrets.token_hex(5)}"
        known[name] = Made(name=name, title=f"Test {name}", about="Tests.", every=every, work="")
        return name

    yield make
    Schedule.objects.filter(func=task).delete()


def run_whole(name: str) -> Counter[str]:
    """Do all steps of a job, and count what they did."""
    done: Counter[str] = Counter()
    for step in all_jobs()[name].steps(None):
        assert not step.error
        done.update(step.counts)
    return done


def one_step(name: str) -> None:
    """Do a job's first batch, and nothing after it: what a worker that is killed leaves."""
    next(all_jobs()[name].steps(None))


def id_of_day(days_ago: float) -> UUID:
    """The id of a row that was made so many days ago."""
    return UUID(int=first_uuid7(timezone.now() - timedelta(days=days_ago)).int + secrets.randbits(60))


def change(row: models.Model, **columns: Any) -> None:
    """Write columns that the application may not."""
    with cross_tenant("tests") as system:
        type(row)._default_manager.using(system).filter(pk=row.pk).update(**columns)


def made_days_ago(row: models.Model, days_ago: float, **columns: Any) -> None:
    """Let a row be that old: its time, and its id, which says its time as well. Nothing may refer to it yet."""
    change(row, id=id_of_day(days_ago), created_at=timezone.now() - timedelta(days=days_ago), **columns)
