"""Work that nobody asks for: jobs, which run on schedules, in batches, through all organizations.

An app names its jobs in `JOBS` of its module `jobs`. A job's work is an iterator that does one short, committed batch
at each step and says where it stands, so that it can be stopped after any step and go on later (`ibex.core.job_runs`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any
from uuid import UUID

import structlog
from django.apps import apps
from django.db import connection
from django.db.models import QuerySet
from django.utils.module_loading import import_string, module_has_submodule

from ibex.core import metrics
from ibex.core.logging import place_of
from ibex.core.tenancy import cross_tenant, scope

FAILED_IN_A_ROW_MAX = 3
"""Organizations in a row after which a sweep stops: a server is away then, and each more would only wait for it."""
MODULE = "jobs"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """How far a sweep has come: everything before it is done. Ids only."""

    org_id: UUID
    row_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What one step came to. `counts`: how many of what, in words of ours; `error`: the type of what went wrong."""

    counts: Mapping[str, int] = field(default_factory=dict)
    place: Place | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What a sweep did in one transaction. `last`: the last row it looked at; `has_more`: whether others may follow."""

    counts: Mapping[str, int] = field(default_factory=dict)
    last: UUID | None = None
    has_more: bool = False


Work = Callable[[Place | None], Iterator[Progress]]
"""Given where an earlier run was stopped, or None. Each step is bounded, and right when it is done twice."""
Organizations = Callable[[str], Iterable[UUID]]
"""Given the alias of the role that crosses tenants: which organizations have something to do, in the order of ids."""
DoBatch = Callable[[UUID, UUID | None], Batch]
"""One transaction's work for an organization, inside its scope, on rows after the given one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """`title` and `about` are for the Jobs page; `work` is the dotted path of a `Work`, loaded by whoever runs it."""

    name: str
    title: str
    about: str
    every: timedelta
    work: str

    def steps(self, place: Place | None) -> Iterator[Progress]:
        """Its work, begun at `place`."""
        work: Work = import_string(self.work)
        return work(place)


@cache
def all_jobs() -> Mapping[str, Job]:
    """Every job of every app by name, in the order of the apps."""
    modules = [
        import_module(f"{config.name}.{MODULE}")
        for config in apps.get_app_configs()
        if module_has_submodule(config.module, MODULE)
    ]
    return {job.name: job for module in modules for job in getattr(module, "JOBS", ())}


def sweep(
    reason: str, organizations: Organizations, do_batch: DoBatch, place: Place | None, *, in_scope: bool = True
) -> Iterator[Progress]:
    """Batch by batch through the organizations, the rest of one first that was begun before.

    One that fails is counted and left for the next run; the others have their turn. `in_scope=False`: the batch opens
    the organization's scope itself, because something slow comes between two transactions.
    """
    failed = 0
    for org_id in _from(place, _listed(reason, organizations)):
        after = place.row_id if place and place.org_id == org_id else None
        has_more = True
        while has_more:
            try:
                with scope(org_id) if in_scope else nullcontext():
                    batch = do_batch(org_id, after)
            except Exception as error:  # noqa: BLE001 - the boundary: one organization must not stop the others
                failed += 1
                yield Progress(counts={"organizations_failed": 1}, error=_told(reason, org_id, error))
                break
            failed, after, has_more = 0, batch.last or after, batch.has_more
            yield Progress(counts=batch.counts, place=Place(org_id=org_id, row_id=after))
        if failed >= FAILED_IN_A_ROW_MAX:
            return


def owners(rows: QuerySet[Any]) -> Iterable[UUID]:
    """Whose rows these are, in the order of ids: the Organizations of a sweep."""
    return rows.order_by("org_id").values_list("org_id", flat=True).distinct()


def once(do: Callable[[], Mapping[str, int]]) -> Iterator[Progress]:
    """The work of a job that is one short step."""
    yield Progress(counts=do())


def _listed(reason: str, organizations: Organizations) -> list[UUID]:
    with cross_tenant(reason) as system:
        return list(organizations(system))


def _from(place: Place | None, org_ids: Iterable[UUID]) -> Iterator[UUID]:
    return (org_id for org_id in org_ids if place is None or org_id >= place.org_id)


def _told(reason: str, org_id: UUID, error: Exception) -> str:
    metrics.BOUNDARY_ERRORS.labels(boundary="job").inc()
    _log.error(
        "job_failed_for_organization", job=reason, org_id=str(org_id), error=type(error).__name__, at=place_of(error)
    )
    connection.close_if_unusable_or_obsolete()
    return type(error).__name__


JOBS = (
    Job(
        name="forget_runs",
        title="Forget old runs",
        about="Removes runs of jobs after two weeks, those that found nothing to do after two days, and failed tasks "
        "that nobody tried again after 30.",
        every=timedelta(days=1),
        work="ibex.core.job_runs.forget_runs",
    ),
)
