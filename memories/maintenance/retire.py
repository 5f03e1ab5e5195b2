"""Memories whose time is over leave the lists; their versions and edges stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from memories import store
from memories.choices import Operation, Status
from memories.models import Memory
from memories.models.memory import LIVE

MEMORIES_AT_ONCE = 100
SUPERSEDED_KEPT = timedelta(days=30)
"""Time in which somebody may still want to see, side by side with what is true now, what was true before."""
ACTOR = "maintenance"


def expire(place: Place | None) -> Iterator[Progress]:
    """Archive what has expired."""
    return _retire("expire_memories", lambda: LIVE & Q(expires_at__lte=timezone.now()), "expired", place)


def archive_superseded(place: Place | None) -> Iterator[Progress]:
    """Archive what was superseded long ago."""
    return _retire("archive_superseded", _is_long_superseded, "superseded long ago", place)


def _is_long_superseded() -> Q:
    superseded_before = timezone.now() - SUPERSEDED_KEPT
    return Q(status=Status.SUPERSEDED, deleted_at__isnull=True, updated_at__lt=superseded_before)


def _retire(name: str, condition: Callable[[], Q], reason: str, place: Place | None) -> Iterator[Progress]:
    def organizations(system: str) -> Iterable[UUID]:
        rows = Memory.objects.using(system).filter(condition())
        return owners(rows)

    def archive(org_id: UUID, _after: UUID | None) -> Batch:
        due = Memory.objects.of(org_id).filter(condition())
        agent_id = due.order_by("agent_id", "pk").values_list("agent_id", flat=True).first()
        if agent_id is None:
            return Batch()
        # One agent at a time: its lock is held by one writer, and never while another agent's is waited for.
        archived = _archive(org_id, agent_id, due, reason)
        return Batch(counts={"memories": archived}, has_more=True)

    return sweep(name, organizations, archive, place)


def _archive(org_id: UUID, agent_id: UUID, due: QuerySet[Memory], reason: str) -> int:
    """Under the agent's lock nothing of it can change any more: what is due now is archived once."""
    store.one_writer(org_id, agent_id)
    memories = list(due.filter(agent_id=agent_id).order_by("pk").select_for_update(no_key=True)[:MEMORIES_AT_ONCE])
    for memory in memories:
        # Why it was superseded stays to be read; why something expired is said here.
        memory.status_reason = memory.status_reason if memory.status == Status.SUPERSEDED else reason
        memory.status = Status.ARCHIVED
        store.record(memory, Operation.UPDATED, actor=ACTOR, reason=reason)
    return len(memories)
