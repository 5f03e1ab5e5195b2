"""Extractions that nobody is at any more: the worker died, or the task that was to try again is gone.

The queue hands a task out again by itself when its worker dies; this is for the cases in which it does not, such as a
task that it gave up because its time was over, and for turns that such a task left others to wait for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from memories.mining.claim import LEASE, nudge
from memories.models import Extraction

AT_ONCE = 500
PATIENCE = timedelta(minutes=2)
"""Beyond a claim's lease, or the time of the next try: what the queue does by itself, it has done by then."""


def resume(place: Place | None) -> Iterator[Progress]:
    """Queue a task for each of them."""
    return sweep("resume_extractions", _organizations, _resume, place)


def _organizations(system: str) -> Iterable[UUID]:
    left = Extraction.objects.using(system).filter(_is_left())
    return owners(left)


def _resume(org_id: UUID, after: UUID | None) -> Batch:
    rows = Extraction.objects.of(org_id).filter(_is_left()).order_by("pk")
    found = list((rows.filter(pk__gt=after) if after else rows)[:AT_ONCE])
    for row in found:
        nudge(org_id, row.session_id)
    return Batch(
        counts={"extractions_resumed": len(found)},
        last=found[-1].pk if found else None,
        has_more=len(found) == AT_ONCE,
    )


def _is_left() -> Q:
    now = timezone.now()
    return Q(seen_at__lt=now - LEASE - PATIENCE) | Q(next_try_at__lt=now - PATIENCE)
