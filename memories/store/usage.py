"""Counting what was shown: bookkeeping, not a change of what is known, so it makes no version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from memories.models import Memory


def count_injections(org_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Add one for each time an id is given, inside the caller's scope. Rows are taken in one order: no deadlocks."""
    times: dict[int, list[UUID]] = {}
    for memory_id, count in Counter(memory_ids).items():
        times.setdefault(count, []).append(memory_id)
    named = [memory_id for ids in times.values() for memory_id in ids]
    list(Memory.objects.of(org_id).filter(pk__in=named).order_by("pk").select_for_update().values_list("pk"))
    for count, ids in sorted(times.items()):
        Memory.objects.of(org_id).filter(pk__in=ids).update(
            injection_count=F("injection_count") + count, last_injected_at=timezone.now()
        )
