"""Verdicts fade, and receipts go when their time is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from agents.maintenance import ROWS_AT_ONCE, every_organization, forget, kept_since
from context.feedback import reckon
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from memories import store
from memories.models import Memory
from memories.usefulness import NEUTRAL

MEMORIES_AT_ONCE = 100


def decay_usefulness(place: Place | None) -> Iterator[Progress]:
    """Set each memory that was ever judged to what its verdicts come to today, so that it does not matter how often."""

    def organizations(system: str) -> Iterable[UUID]:
        judged = Memory.objects.using(system).filter(deleted_at__isnull=True).exclude(usefulness=NEUTRAL)
        return owners(judged)

    return sweep("decay_usefulness", organizations, _decay, place)


def forget_injections(place: Place | None) -> Iterator[Progress]:
    """Remove receipts once the organization's retention of traces is over."""
    return sweep("forget_injections", every_organization, _forget_injections, place)


def _decay(org_id: UUID, after: UUID | None) -> Batch:
    judged = Memory.objects.of(org_id).filter(deleted_at__isnull=True).exclude(usefulness=NEUTRAL)
    judged = judged.filter(pk__gt=after) if after else judged
    ids = list(judged.order_by("pk").values_list("pk", flat=True)[:MEMORIES_AT_ONCE])
    reckon(org_id, store.hold_many(org_id, ids))
    has_more = len(ids) == MEMORIES_AT_ONCE
    return Batch(counts={"memories": len(ids)}, last=ids[-1] if ids else None, has_more=has_more)


def _forget_injections(org_id: UUID, _after: UUID | None) -> Batch:
    before = kept_since(org_id, "trace_retention_days")
    if before is None:
        return Batch()
    lines = forget("ibex_forget_injections", before, ROWS_AT_ONCE)
    assemblies = forget("ibex_forget_assemblies", before, ROWS_AT_ONCE)
    readings = forget("ibex_forget_readings", before, ROWS_AT_ONCE)
    counts = {"injections": lines, "assemblies": assemblies, "readings": readings}
    return Batch(counts=counts, has_more=ROWS_AT_ONCE in counts.values())
