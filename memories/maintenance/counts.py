"""How often memories were put into a prompt, or considered for one: counted from the receipts now and then, because a
row of a memory written at each call, or each batch of calls, costs more than all the rest of a receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from django.db import connections

from agents.maintenance import every_organization
from ibex.core.ids import first_uuid7
from ibex.core.jobs import Batch, Place, Progress, sweep
from ibex.core.models import JobOutcome, JobRun
from memories import store

MEMORIES_AT_ONCE = 5_000
"""A memory that is shown all the time is written once in so many, whatever the number of its prompts."""
TURNS_AT_ONCE = 2_000
"""Several times what the drain writes in one transaction: those are never parted."""
LATE = timedelta(minutes=2)
"""Rows may become visible so long after their ids were made: when their transaction ends."""

_SHOWN = "SELECT DISTINCT org_id FROM context_injection WHERE id > %s ORDER BY org_id"


def count_injections(place: Place | None) -> Iterator[Progress]:
    """Every organization that was shown something lately."""
    since = _counted_until("count_injections")

    def organizations(system: str) -> Iterable[UUID]:
        with connections[system].cursor() as cursor:
            cursor.execute(_SHOWN, [since])
            return [row[0] for row in cursor.fetchall()]

    def count(org_id: UUID, after: UUID | None) -> Batch:
        counted = store.count_injections(org_id, since=since, after=after, most=MEMORIES_AT_ONCE)
        return Batch(
            counts={"memories": len(counted)},
            last=counted[-1] if counted else after,
            has_more=len(counted) == MEMORIES_AT_ONCE,
        )

    return sweep("count_injections", organizations, count, place)


def count_retrievals(place: Place | None) -> Iterator[Progress]:
    """Organization by organization."""
    since = _counted_until("count_retrievals")

    def count(org_id: UUID, after: UUID | None) -> Batch:
        counted, last = store.count_retrievals(org_id, after=after or since, most=TURNS_AT_ONCE)
        return Batch(counts={"memories": counted}, last=last, has_more=last is not None)

    return sweep("count_retrievals", every_organization, count, place)


def _counted_until(job: str) -> UUID:
    """What has lesser ids was counted: when the last run that came to an end began to, the one before it had ended."""
    ended = JobRun.objects.filter(job=job, outcome=JobOutcome.SUCCEEDED).order_by("-started_at")
    before_last = ended.values_list("started_at", flat=True)[1:2].first()
    return first_uuid7(before_last - LATE) if before_last else UUID(int=0)
