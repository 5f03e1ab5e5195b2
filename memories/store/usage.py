"""How often memories were shown, and how useful: bookkeeping, not a change of what is known, so it makes no version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F

from memories.models import Memory
from memories.store.lock import one_writer_each
from memories.store.record import desk_hears


def count_answers(org_id: UUID, read: Mapping[UUID, int], used: Mapping[UUID, int]) -> None:
    """Add to held memories how many answers were read for each, and how many of them used it."""
    amounts: dict[tuple[int, int], list[UUID]] = {}
    for memory_id, count in read.items():
        amounts.setdefault((count, used.get(memory_id, 0)), []).append(memory_id)
    for (answers, uses), ids in sorted(amounts.items()):
        Memory.objects.of(org_id).filter(pk__in=ids).update(
            answer_count=F("answer_count") + answers, used_count=F("used_count") + uses
        )


# What a count goes by is the time of a memory's last injection, or retrieval, that was counted: what is looked at twice
# is counted once.
_SHOWN = """
SELECT m.id, m.agent_id, count(*), max(i.created_at)
  FROM context_injection i
  JOIN memories_memory m ON m.org_id = i.org_id AND m.id = i.memory_id
   AND i.created_at > coalesce(m.last_injected_at, '-infinity')
 WHERE i.org_id = %(org)s AND i.id > %(since)s AND i.is_packed AND i.arm <> 'replayed' AND m.id > %(after)s
 GROUP BY m.id, m.agent_id ORDER BY m.id LIMIT %(most)s
"""
_TURNS = """
SELECT id, created_at FROM context_assembly WHERE org_id = %(org)s AND id > %(after)s ORDER BY id LIMIT %(most)s
"""
_CONSIDERED = """
SELECT m.id, m.agent_id, count(*), max(line.at)
  FROM (
    SELECT (told ->> 0)::uuid AS memory_id, a.created_at AS at
      FROM context_assembly a, json_array_elements(coalesce(nullif(a.considered, ''), a.lines::text)::json) AS told
     WHERE a.org_id = %(org)s AND a.id > %(after)s AND a.id <= %(last)s
     UNION ALL
    SELECT i.memory_id, i.created_at
      FROM context_assembly a
      JOIN context_injection i ON i.org_id = a.org_id AND i.turn_id = a.turn_id
     WHERE a.org_id = %(org)s AND a.id > %(after)s AND a.id <= %(last)s AND a.considered = '' AND a.lines IS NULL
  ) AS line
  JOIN memories_memory m ON m.org_id = %(org)s AND m.id = line.memory_id
   AND line.at > coalesce(m.last_retrieved_at, '-infinity')
 GROUP BY m.id, m.agent_id
"""
_COUNT = """
UPDATE memories_memory m SET {kind}_count = {kind}_count + fresh.times, last_{participle}_at = fresh.last
  FROM unnest(%(ids)s::uuid[], %(times)s::int[], %(lasts)s::timestamptz[]) AS fresh(id, times, last)
 WHERE m.org_id = %(org)s AND m.id = fresh.id
"""
_COUNT_INJECTIONS = _COUNT.format(kind="injection", participle="injected")
_COUNT_RETRIEVALS = _COUNT.format(kind="retrieval", participle="retrieved")


def count_injections(org_id: UUID, *, since: UUID, after: UUID | None, most: int) -> list[UUID]:
    """Count from the receipts how often memories were put into a prompt since that was last counted.

    The next `most` memories after `after` that were; returns their ids. `since`: injections with lesser ids were
    counted before. What stands in a replayed block was counted when it was new. Inside the caller's scope, one at a
    time.
    """
    given: dict[str, Any] = {"org": org_id, "since": since, "after": after or UUID(int=0), "most": most}
    return _count(org_id, _SHOWN, given, _COUNT_INJECTIONS)


def count_retrievals(org_id: UUID, *, after: UUID, most: int) -> tuple[int, UUID | None]:
    """Count from the receipts how often memories were considered for a prompt since that was last counted.

    The next `most` turns whose assemblies have greater ids than `after`; returns how many memories were counted, and
    the last turn's assembly, or None when there are no more turns. Inside the caller's scope, one at a time.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TURNS, {"org": org_id, "after": after, "most": most + 1})
        turns = cursor.fetchall()
    has_more = len(turns) > most
    # Turns of one batch of the drain have one time, and a memory's count goes by times: a batch is counted as a whole.
    cut = turns.pop()[1] if has_more else None
    while turns and turns[-1][1] == cut:
        turns.pop()
    if not turns:
        return 0, None
    last = turns[-1][0]
    counted = _count(org_id, _CONSIDERED, {"org": org_id, "after": after, "last": last}, _COUNT_RETRIEVALS)
    return len(counted), last if has_more else None


def _count(org_id: UUID, asked: str, given: Mapping[str, Any], count: str) -> list[UUID]:
    """Takes the agents' locks first: refinement holds one of them while it takes rows in whatever order it finds them,
    so that whoever takes rows without it would deadlock with refinement sooner or later.
    """
    with connection.cursor() as cursor:
        cursor.execute(asked, given)
        fresh = cursor.fetchall()
        if fresh:
            one_writer_each((org_id, agent_id) for _, agent_id, _, _ in fresh)
            ids, _, times, lasts = (list(column) for column in zip(*fresh, strict=True))
            cursor.execute(count, {"org": org_id, "ids": ids, "times": times, "lasts": lasts})
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
