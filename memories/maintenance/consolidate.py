"""Memories that came to say the same after they were written: by an edit, a restored version, another threshold.

What is new is compared when it is written (step 5 of refinement), so only what has changed since needs another look.
The lines are those of step 5, and stricter where nobody asked for anything: memories that differ in what they are, when
they hold, or whether they are pinned stay apart, and so do those that are tied by an edge or were told apart by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from ibex.core.errors import Conflict, NotFound
from ibex.core.ids import first_uuid7
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Operation, Source, Status
from memories.maintenance.retire import ACTOR
from memories.models import Memory, MemoryVersion, Relationship
from memories.refinement import near
from memories.refinement.draft import Draft, Prepared
from memories.refinement.neighbours import neighbours
from memories.refinement.prepare import embedding_of
from memories.store.merging import UNDONE

VERSIONS_AT_ONCE = 20
"""Each is embedded and compared with all of its agent's: a tenth of a second in an agent of 100,000."""
LOOKED_BACK = timedelta(days=2)
"""Twice the time between two runs."""
MERGES_A_DAY = 100
"""Of one agent: a threshold or model that went wrong must not melt its memory before somebody looks."""
REASON = "consolidated"
_ALIKE = ("agent_id", "end_user", "category", "is_pinned", "valid_from", "valid_until", "expires_at")


def consolidate(place: Place | None) -> Iterator[Progress]:
    """Merge what says the same."""
    since = timezone.now() - LOOKED_BACK

    def organizations(system: str) -> Iterable[UUID]:
        changed = MemoryVersion.objects.using(system).filter(pk__gte=first_uuid7(since))
        return owners(changed)

    def batch(org_id: UUID, after: UUID | None) -> Batch:
        return _consolidate(org_id, after, since)

    return sweep("consolidate_memories", organizations, batch, place, in_scope=False)


def _consolidate(org_id: UUID, after: UUID | None, since: datetime) -> Batch:
    first = max(after or first_uuid7(since), first_uuid7(since))
    with scope(org_id):
        changed = MemoryVersion.objects.of(org_id).filter(pk__gt=first).order_by("pk")
        versions = list(changed.values_list("pk", "memory_id")[:VERSIONS_AT_ONCE])
        ids = {memory_id for _, memory_id in versions}
        memories = list(_comparable(org_id).filter(pk__in=ids).order_by("pk"))
    if not versions:
        return Batch()
    slot, vectors = embedding_of([memory.content for memory in memories])
    prepared = [
        Prepared(draft=_as_draft(memory), slot=slot, embedding=vector)
        for memory, vector in zip(memories, vectors, strict=True)
    ]
    merged = sum(_merged(memory, one) for memory, one in zip(memories, prepared, strict=True))
    counts = {"memories_compared": len(memories), "memories_merged": merged}
    return Batch(counts=counts, last=versions[-1][0], has_more=len(versions) == VERSIONS_AT_ONCE)


def _comparable(org_id: UUID) -> QuerySet[Memory]:
    return Memory.objects.of(org_id).filter(status=Status.ACTIVE, deleted_at__isnull=True)


def _merged(memory: Memory, prepared: Prepared) -> bool:
    """Whether the memory was merged with another. The pair is found first: the agent's lock is taken for few."""
    with scope(memory.org_id):
        others = [one for one in neighbours(prepared) if _may_join(memory, one.memory)]
        same = near.find(prepared.draft, others)
        if same is None or _were_told_apart(memory, same.memory) or _has_merged_enough(memory):
            return False
        return _merge(*_ranked(memory, same.memory))


def _merge(keep: Memory, gone: Memory) -> bool:
    said = (keep.content, gone.content)
    try:
        for memory in (keep, gone):
            store.hold(memory)
        if (keep.content, gone.content) != said or not _may_join(keep, gone):
            return False
        store.merge(keep, gone, actor=ACTOR, reason=REASON)
    except (Conflict, NotFound):  # somebody was faster
        return False
    return True


def _may_join(one: Memory, other: Memory) -> bool:
    is_live = all(memory.status == Status.ACTIVE and memory.deleted_at is None for memory in (one, other))
    return is_live and one.pk != other.pk and all(getattr(one, name) == getattr(other, name) for name in _ALIKE)


def _were_told_apart(one: Memory, other: Memory) -> bool:
    """A merge of one of them was undone, or an edge says how they belong together: somebody has looked at them."""
    pair = [one.pk, other.pk]
    versions = MemoryVersion.objects.of(one.org_id).filter(memory_id__in=pair, reason__startswith=UNDONE)
    edges = Relationship.objects.of(one.org_id).filter(source_id__in=pair, target_id__in=pair)
    return versions.exists() or edges.exists()


def _has_merged_enough(memory: Memory) -> bool:
    since = first_uuid7(timezone.now() - timedelta(days=1))
    merged = MemoryVersion.objects.of(memory.org_id).filter(actor=ACTOR, operation=Operation.MERGED, pk__gte=since)
    done = merged.filter(memory__agent_id=memory.agent_id)
    return done.count() >= 2 * MERGES_A_DAY  # each leaves a version of both


def _ranked(one: Memory, other: Memory) -> Sequence[Memory]:
    """The one to keep first: what a person wrote, then what tells more, then what is older."""
    return sorted((one, other), key=lambda each: (each.source == Source.EXTRACTED, -len(each.content), each.pk))


def _as_draft(memory: Memory) -> Draft:
    return Draft(
        org_id=memory.org_id,
        agent_id=memory.agent_id,
        end_user=memory.end_user,
        content=memory.content,
        category=memory.category,
        source=memory.source,
        observed_at=memory.observed_at,
        actor=ACTOR,
    )
