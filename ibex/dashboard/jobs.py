"""What the Jobs page and `/api/v1/jobs` show: every job with its last run, the queue, and what failed.

Jobs tend all organizations together, so what they counted is for operators of the installation only; when they ran, and
how that ended, everybody may know. Failed tasks and dead letters are the organization's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from agents.access import Place
from agents.choices import Role
from ibex.core import queue_state
from ibex.core.job_runs import is_silent
from ibex.core.jobs import Job, all_jobs
from ibex.core.models import JobOutcome, JobRun
from ibex.core.queue_state import Depth, FailedTask
from ibex.core.redis import RedisError, redis
from ibex.core.schedules import scheduled
from proxy.dead_letters import dead_letters_key

FAILED_SHOWN = 50
MINUTES_A_DAY = 1_440
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run as it is shown. `outcome` is `dead` as soon as it has been silent for too long; `seconds` until its last
    sign of life.
    """

    started_at: datetime
    outcome: str
    seconds: float
    error: str
    counts: Mapping[str, int]

    @classmethod
    def of(cls, row: JobRun) -> Run:
        """What a row says."""
        until = row.finished_at or row.seen_at
        return cls(
            started_at=row.started_at,
            outcome=str(JobOutcome.DEAD) if is_silent(row) else row.outcome,
            seconds=max((until - row.started_at).total_seconds(), 0.0),
            error=row.error,
            counts=row.counts,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLine:
    """A job, its last run (None: it never ran), and when it runs next (None: it is switched off)."""

    job: Job
    last: Run | None
    next_run: datetime | None

    @property
    def rhythm(self) -> str:
        """How often it runs, in words."""
        minutes = self.job.every // _MINUTE
        named = {1: "every minute", MINUTES_A_DAY: "daily"}
        return named.get(minutes) or f"every {minutes} min"


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """The task queue and what did not get through it. `dead_turns`: None while Redis does not answer."""

    depth: Depth
    failed: Sequence[FailedTask]
    dead_turns: int | None


def may_steer(place: Place) -> bool:
    """Jobs belong to the installation: who administers it, and this organization, may run and stop them."""
    return place.operator.is_superuser and place.may(Role.ADMIN)


def job_lines() -> list[JobLine]:
    """Every job, the most frequent first. Two queries."""
    latest = {row.job: row for row in JobRun.objects.order_by("job", "-started_at").distinct("job")}
    plan = scheduled()
    return [
        JobLine(
            job=job,
            last=Run.of(latest[name]) if name in latest else None,
            next_run=plan[name].next_run if name in plan else None,
        )
        for name, job in sorted(all_jobs().items(), key=lambda named: named[1].every)
    ]


def runs_of(job: Job) -> QuerySet[JobRun]:
    """A job's runs, the latest first."""
    return JobRun.objects.filter(job=job.name).order_by("-started_at")


def queue_of(org_id: UUID) -> Queue:
    """The queue as one organization may see it: its length, and its own failures."""
    return Queue(
        depth=queue_state.depth(),
        failed=queue_state.failed_tasks(org_id)[:FAILED_SHOWN],
        dead_turns=_dead_turns(org_id),
    )


def _dead_turns(org_id: UUID) -> int | None:
    try:
        return int(redis().xlen(dead_letters_key(org_id)))
    except (RedisError, OSError):
        return None
