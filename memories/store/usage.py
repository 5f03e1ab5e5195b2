"""How often memories were shown, and how useful: bookkeeping, not a change of what is known, so it makes no version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection
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


def count_answers(org_id: UUID, read: Mapping[UUID, int], used: Mapping[UUID, int]) -> None:
    """Add to held memories how many answers were read for each, and how many of them used it."""
    amounts: dict[tuple[int, int], list[UUID]] = {}
    for memory_id, count in read.items():
        amounts.setdefault((count, used.get(memory_id, 0)), []).append(memory_id)
    for (answers, uses), ids in sorted(amounts.items()):
        Memory.objects.of(org_id).filter(pk__in=ids).update(
            answer_count=F("answer_count") + answers, used_count=F("used_count") + uses
        )


_FRESH = """
SELECT m.id, m.agent_id, count(*), max(i.created_at)
  FROM memories_memory m
  JOIN context_injection i ON i.org_id = m.org_id AND i.memory_id = m.id
   AND i.created_at > coalesce(m.last_retrieved_at, '-infinity')
 WHERE m.org_id = %(org)s AND m.id > %(after)s
 GROUP BY m.id, m.agent_id ORDER BY m.id LIMIT %(most)s
"""
_COUNT = """
UPDATE memories_memory m SET retrieval_count = retrieval_count + fresh.times, last_retrieved_at = fresh.last
  FROM unnest(%(ids)s::uuid[], %(times)s::int[], %(lasts)s::timestamptz[]) AS fresh(id, times, last)
 WHERE m.org_id = %(org)s AND m.id = fresh.id
"""


def count_retrievals(org_id: UUID, *, after: UUID | None, most: int) -> list[UUID]:
    """Count from the receipts how often memories were considered for a prompt since that was last counted.

    The next `most` memories after `after` that were; returns their ids. Inside the caller's scope, one at a time.
    """
    given: dict[str, Any] = {"org": org_id, "after": after or UUID(int=0), "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_FRESH, given)
        fresh = cursor.fetchall()
        if fresh:
            one_writer_each((org_id, agent_id) for _, agent_id, _, _ in fresh)
            ids, _, times, lasts = (list(column) for column in zip(*fresh, strict=True))
            cursor.execute(_COUNT, {"org": org_id, "ids": ids, "times": times, "lasts": lasts})
    return [row[0] for row in fresh]


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
