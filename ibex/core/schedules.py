"""When jobs run: django-q2's schedules, one a job, made when IBEX starts and switched on and off by operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from ibex.core.errors import NotFound
from ibex.core.job_runs import RUN_TASK
from ibex.core.jobs import Job, all_jobs

FIRST_RUN_AFTER = timedelta(minutes=5)
"""Of a job that runs less often: what starts has other things to do."""
FOR_EVER, NEVER = -1, 0
"""django-q2's `repeats`."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheduled:
    """When a job runs next; None while it is switched off."""

    next_run: datetime | None

    @property
    def is_enabled(self) -> bool:
        """Whether it runs by itself."""
        return self.next_run is not None


@transaction.atomic
def ensure() -> None:
    """One schedule for each job there is, and none for others. What operators have switched off stays off."""
    jobs = all_jobs()
    ours = Schedule.objects.select_for_update().filter(func=RUN_TASK)
    known = {schedule.name: schedule for schedule in ours}
    ours.exclude(name__in=jobs).delete()
    for job in jobs.values():
        schedule = known.get(job.name)
        if schedule is None:
            _make(job)
        elif schedule.minutes != _minutes(job):
            schedule.minutes = _minutes(job)
            schedule.next_run = min(schedule.next_run, timezone.now() + job.every)
            schedule.save(update_fields=["minutes", "next_run"])


def scheduled() -> Mapping[str, Scheduled]:
    """Every job's schedule, by the job's name."""
    rows = Schedule.objects.filter(func=RUN_TASK).values_list("name", "next_run", "repeats")
    return {name: Scheduled(next_run=None if repeats == NEVER else next_run) for name, next_run, repeats in rows}


def switch(name: str, *, on: bool) -> None:
    """Let a job run by itself, or not any more. Raises NotFound where there is no such schedule."""
    row = Schedule.objects.filter(func=RUN_TASK, name=name)
    changes = {"repeats": FOR_EVER, "next_run": timezone.now()} if on else {"repeats": NEVER}
    if not row.update(**changes):
        raise NotFound


def _make(job: Job) -> None:
    Schedule.objects.create(
        name=job.name,
        func=RUN_TASK,
        args=repr((job.name,)),
        schedule_type=Schedule.MINUTES,
        minutes=_minutes(job),
        repeats=FOR_EVER,
        next_run=timezone.now() + (min(job.every, FIRST_RUN_AFTER)),
    )


def _minutes(job: Job) -> int:
    return max(job.every // _MINUTE, 1)
