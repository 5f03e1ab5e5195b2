"""How often memories were considered: counted from the receipts once a day, not a row written at each call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from agents.models import Organization
from ibex.core.jobs import Batch, Place, Progress, sweep
from memories import store

MEMORIES_AT_ONCE = 500


def count_retrievals(place: Place | None) -> Iterator[Progress]:
    """Organization by organization."""

    def organizations(system: str) -> Iterable[UUID]:
        return Organization.objects.using(system).order_by("pk").values_list("pk", flat=True)

    return sweep("count_retrievals", organizations, _count, place)


def _count(org_id: UUID, after: UUID | None) -> Batch:
    counted = store.count_retrievals(org_id, after=after, most=MEMORIES_AT_ONCE)
    return Batch(
        counts={"memories": len(counted)},
        last=counted[-1] if counted else after,
        has_more=len(counted) == MEMORIES_AT_ONCE,
    )
