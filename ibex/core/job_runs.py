"""Running jobs, one run of each at a time on all machines together, and what became of them.

The row of a run is its claim: the database lets one unfinished row of a job be there. It is renewed after each batch;
a run that has been silent for LEASE_S is dead, and the next one goes on where it stood. A run that was only taken for
dead notices after its batch that it is not its turn any more, and a batch that two of them do is done once: each writes
only rows that still need it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from ibex.core import metrics
from ibex.core.jobs import Job, Place, Progress, all_jobs, once
from ibex.core.logging import place_of
from ibex.core.models import JobOutcome, JobRun
from ibex.core.queue import enqueue
from ibex.core.queue_state import forget_failed

TIME_S = 5.0
"""Of one run. What is left is queued behind what others have queued meanwhile: turns wait to be mined."""
LEASE_S = 60
"""Silence after which a run is dead: many times what a batch takes."""
KEPT_DAYS = 14
"""Runs are remembered for two weeks: a daily job's last fourteen."""
IDLE_KEPT_DAYS = 2
"""Those that found nothing to do, for as long as a daily job's last run must be there to be shown."""
FORGOTTEN_AT_ONCE = 5_000
RUN_TASK = "ibex.core.job_runs.run_job"

_log = structlog.get_logger(__name__)


def run_job(name: str, time_s: float = TIME_S) -> str:
    """Run a job, for as long as one run may take; returns the outcome. Empty: it runs elsewhere, or is no more."""
    job = all_jobs().get(name)
    run = _claimed(job) if job else None
    if job is None or run is None:
        return ""
    begun = time.monotonic()
    outcome = _outcome(job, run, begun + time_s)
    seconds = time.monotonic() - begun
    if outcome:
        _finish(run, outcome)
        metrics.JOB_RUNS.labels(job=name, outcome=outcome).inc()
        metrics.JOB_SECONDS.labels(job=name).observe(seconds)
        _log.info("job_ran", job=name, outcome=outcome, seconds=round(seconds, 3), error=run.error, **run.counts)
    if outcome == JobOutcome.PARTIAL:
        enqueue_run(name)
    return outcome or ""


def enqueue_run(name: str) -> None:
    """Queue a run: by hand, or the rest of one."""
    enqueue(RUN_TASK, name, group=name)


def is_silent(run: JobRun) -> bool:
    """Whether an unfinished run has died, though no later one has said so yet."""
    return run.finished_at is None and run.seen_at < timezone.now() - timedelta(seconds=LEASE_S)


def forget_runs(_place: Place | None) -> Iterator[Progress]:
    """The job that removes what nobody asks about any more."""
    return once(_forget)


def _forget() -> dict[str, int]:
    now = timezone.now()
    old = Q(finished_at__lt=now - timedelta(days=KEPT_DAYS))
    idle = Q(outcome=JobOutcome.SUCCEEDED, counts={}, finished_at__lt=now - timedelta(days=IDLE_KEPT_DAYS))
    found = JobRun.objects.filter(old | idle).order_by("pk").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]
    gone, _ = JobRun.objects.filter(pk__in=list(found)).delete()
    return {"runs_forgotten": gone, "failed_tasks_forgotten": forget_failed(FORGOTTEN_AT_ONCE)}


def _claimed(job: Job) -> JobRun | None:
    """A row of our own, standing where the last run was stopped; None while another run is at work."""
    unfinished = JobRun.objects.filter(job=job.name, finished_at=None)
    unfinished.filter(seen_at__lt=Now() - timedelta(seconds=LEASE_S)).update(
        outcome=JobOutcome.DEAD, finished_at=F("seen_at")
    )
    last = JobRun.objects.filter(job=job.name).order_by("-started_at").first()
    try:
        with transaction.atomic():
            return JobRun.objects.create(
                job=job.name, at_org=last.at_org if last else None, at_row=last.at_row if last else None
            )
    except IntegrityError:
        return None


def _outcome(job: Job, run: JobRun, until: float) -> JobOutcome | None:
    """Work, step by step. None: another run has taken this one for dead, and goes on in its place."""
    place = Place(org_id=run.at_org, row_id=run.at_row) if run.at_org else None
    try:
        for progress in job.steps(place):
            if not _noted(run, progress):
                return None
            if time.monotonic() >= until and progress.place:
                return JobOutcome.PARTIAL
    except Exception as error:  # noqa: BLE001 - the boundary: recorded, and the schedule tries again
        metrics.BOUNDARY_ERRORS.labels(boundary="job").inc()
        _log.error("job_failed", job=job.name, error=type(error).__name__, at=place_of(error))
        run.error = type(error).__name__
    run.at_org = run.at_row = None  # the next run begins anew
    return JobOutcome.FAILED if run.error else JobOutcome.SUCCEEDED


def _noted(run: JobRun, progress: Progress) -> bool:
    """Add a step to the run's row; whether it is still ours."""
    for what, count in progress.counts.items():
        if count:
            run.counts[what] = run.counts.get(what, 0) + count
            metrics.JOB_ROWS.labels(job=run.job, what=what).inc(count)
    run.error = progress.error or run.error
    if progress.place:
        run.at_org, run.at_row = progress.place.org_id, progress.place.row_id
    return bool(_own(run, seen_at=Now()))


def _finish(run: JobRun, outcome: JobOutcome) -> None:
    _own(run, seen_at=Now(), finished_at=Now(), outcome=outcome)


def _own(run: JobRun, **columns: object) -> int:
    """Write to the run's row, unless somebody has finished it."""
    return JobRun.objects.filter(pk=run.pk, finished_at=None).update(
        counts=run.counts, error=run.error, at_org=run.at_org, at_row=run.at_row, **columns
    )
