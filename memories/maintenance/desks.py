"""Step 8 of refinement, reconciled: the desk is told of each change on commit, and may not have heard.

A desk is rebuilt from the vault an hour after the last rebuild at the latest, so only what has changed since can be
wrong on it; and every change leaves a version, so the versions of that time name every desk to look at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from ibex.core.ids import first_uuid7
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from memories import desk
from memories.models import Memory, MemoryVersion
from memories.selectors import ONLY_FOR_SEARCH

VERSIONS_AT_ONCE = 500
LOOKED_BACK = timedelta(seconds=desk.REBUILT_EVERY_S)

DeskPlace = tuple[UUID, str]
"""Agent and end user."""


def reconcile(place: Place | None) -> Iterator[Progress]:
    """Compare what has changed with the desks that should show it, and rebuild those that are wrong."""
    since = timezone.now() - LOOKED_BACK

    def organizations(system: str) -> Iterable[UUID]:
        changed = MemoryVersion.objects.using(system).filter(pk__gte=first_uuid7(since))
        return owners(changed)

    return sweep("reconcile_desks", organizations, lambda org_id, after: _reconcile(org_id, after, since), place)


def _reconcile(org_id: UUID, after: UUID | None, since: datetime) -> Batch:
    first = max(after or first_uuid7(since), first_uuid7(since))
    changed = MemoryVersion.objects.of(org_id).filter(pk__gt=first).order_by("pk")
    versions = list(changed.values_list("pk", "memory_id", "snapshot__end_user")[:VERSIONS_AT_ONCE])
    if not versions:
        return Batch()
    rows = Memory.objects.of(org_id).filter(pk__in={memory_id for _, memory_id, _ in versions})
    memories = {memory.pk: memory for memory in rows.defer(*ONLY_FOR_SEARCH, "evidence", "metadata")}
    places: dict[DeskPlace, list[Memory]] = {}
    for _, memory_id, end_user in versions:
        if memory := memories.get(memory_id):
            for shown_to in {memory.end_user, end_user or ""}:
                places.setdefault((memory.agent_id, shown_to), []).append(memory)
    mended = [place for place, of_place in places.items() if _mended(org_id, place, of_place)]
    counts = {"desks_compared": len(places), "desks_mended": len(mended)}
    return Batch(counts=counts, last=versions[-1][0], has_more=len(versions) == VERSIONS_AT_ONCE)


def _mended(org_id: UUID, place: DeskPlace, memories: Sequence[Memory]) -> bool:
    agent_id, end_user = place
    values = desk.hot_values(org_id, agent_id, end_user)
    if values is None:
        return False  # it is cold: whoever asks next reads the vault
    shown = {(value["id"], value["version"]) for value in values}
    if all(_is_right(memory, end_user, shown) for memory in memories):
        return False
    desk.refresh(org_id, agent_id, end_user)
    return True


def _is_right(memory: Memory, end_user: str, shown: Collection[tuple[str, int]]) -> bool:
    """A memory that belongs there is shown as it is now, or there was no room for it; another one is not shown."""
    is_shown = any(memory_id == str(memory.pk) for memory_id, _ in shown)
    if memory.end_user == end_user and desk.is_lasting(memory):
        is_full = len(shown) >= desk.SIZE
        return (str(memory.pk), memory.version) in shown or (is_full and not is_shown)
    return not is_shown
