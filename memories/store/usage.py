"""How often memories were shown, and how useful: bookkeeping, not a change of what is known, so it makes no version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from memories.models import Memory
from memories.store.lock import one_writer_each
from memories.store.record import desk_hears


def count_injections(org_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Add one for each time an id is given, inside the caller's scope.

    Takes the agents' locks first: refinement holds one of them while it takes rows in whatever order it finds them, so
    that whoever takes rows without it would deadlock with refinement sooner or later.
    """
    times: dict[int, list[UUID]] = {}
    for memory_id, count in Counter(memory_ids).items():
        times.setdefault(count, []).append(memory_id)
    named = [memory_id for ids in times.values() for memory_id in ids]
    one_writer_each(Memory.objects.of(org_id).filter(pk__in=named).values_list("org_id", "agent_id").distinct())
    for count, ids in sorted(times.items()):
        Memory.objects.of(org_id).filter(pk__in=ids).update(
            injection_count=F("injection_count") + count, last_injected_at=timezone.now()
        )


def hold_many(org_id: UUID, memory_ids: Iterable[UUID]) -> list[Memory]:
    """The rows as they are now, those that were deleted left out, and kept from other writers until the caller's
    transaction ends. Taken in one order: no deadlocks.
    """
    live = Memory.objects.of(org_id).filter(pk__in=list(memory_ids), deleted_at__isnull=True).order_by("pk")
    one_writer_each(live.values_list("org_id", "agent_id"))
    held = live.select_for_update(of=("self",), no_key=True)
    return list(held.defer("embedding", "embedding_b", "search_text", "evidence", "metadata"))


def set_usefulness(memories: Iterable[Memory], values: Mapping[UUID, float]) -> None:
    """Write what held memories are worth now, by id; the desk hears of it on commit."""
    changed = [memory for memory in memories if memory.usefulness != values[memory.pk]]
    for memory in changed:
        memory.usefulness = values[memory.pk]
        desk_hears(memory)
    Memory.objects.bulk_update(changed, ["usefulness"])
