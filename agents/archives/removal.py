"""Archives go: at once with their session, whatever has removed that; and when their time is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from agents.archives.claim import LEASE
from agents.maintenance import every_organization, kept_since
from agents.models import Archive, Checkpoint, Session
from ibex.core import metrics, storage
from ibex.core.ids import uuid7
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from ibex.core.tenancy import scope

FILES_AT_ONCE = 20
SESSIONS_AT_ONCE = 200


def erase_archives(place: Place | None) -> Iterator[Progress]:
    """The job that removes the files of sessions that are no more, and what killed writers left on this disk."""

    def organizations(system: str) -> Iterable[UUID]:
        erased = _erased(Archive.objects.using(system))
        return owners(erased)

    yield from sweep("erase_archives", organizations, _erase, place, in_scope=False)
    yield Progress(counts={"drafts": storage.clear_drafts()})


def forget_archives(place: Place | None) -> Iterator[Progress]:
    """The job that removes archives after the organization's retention, and from others the turns that are gone."""
    return sweep("forget_archives", every_organization, _forget, place, in_scope=False)


def _free() -> Q:
    """Nobody may be writing it: what is removed under somebody's hands would be there again."""
    return Q(holder=None) | Q(seen_at__lt=timezone.now() - LEASE)


def _erased(archives: QuerySet[Archive]) -> QuerySet[Archive]:
    return archives.filter(_free(), session__isnull=True)


def _erase(org_id: UUID, after: UUID | None) -> Batch:
    with scope(org_id):
        rows = list(_erased(Archive.objects.of(org_id)).order_by("pk")[:FILES_AT_ONCE])
    for row in rows:
        storage.remove(row.key)
        # Last, so that whoever dies in between leaves the row by which the next one finds the file.
        with scope(org_id):
            Archive.objects.of(org_id).filter(pk=row.pk).delete()
    _count(rows)
    return Batch(counts={"archives": len(rows)}, has_more=len(rows) == FILES_AT_ONCE)


def _forget(org_id: UUID, after: UUID | None) -> Batch:
    with scope(org_id):
        rows = _held(org_id)
        outdated = _outdate(org_id)
    for row in rows:
        storage.remove(row.key)
        with scope(org_id):
            own = Archive.objects.of(org_id).filter(pk=row.pk, holder=row.holder)
            own.update(removed_at=timezone.now(), holder=None, seen_at=None)
    _count(rows)
    counts = {"archives": len(rows), "to_be_written_anew": outdated}
    return Batch(counts=counts, has_more=len(rows) == FILES_AT_ONCE or outdated == SESSIONS_AT_ONCE)


def _held(org_id: UUID) -> list[Archive]:
    """Archives whose time is over, claimed: a session that goes on now is written after its file was removed."""
    before = kept_since(org_id, "archive_retention_days")
    if before is None:
        return []
    old = Archive.objects.of(org_id).filter(_free(), written_at__lt=before, removed_at=None).order_by("written_at")
    rows = list(old.select_for_update(skip_locked=True)[:FILES_AT_ONCE])
    holder = uuid7()
    for row in rows:
        row.holder, row.seen_at = holder, timezone.now()
    Archive.objects.bulk_update(rows, ["holder", "seen_at"])
    return rows


def _outdate(org_id: UUID) -> int:
    """Archives of which the oldest turn has been removed from the vault, by its retention, are to be written anew."""
    before = kept_since(org_id, "turn_retention_days")
    kept = Checkpoint.objects.of(org_id).filter(pk=OuterRef("oldest_turn"))
    archives = Archive.objects.of(org_id).filter(
        ~Exists(kept), oldest_at__lt=before, removed_at=None, session__isnull=False, session__archived_turn__gt=0
    )
    ids = list(archives.values_list("session_id", flat=True)[:SESSIONS_AT_ONCE])
    return Session.objects.of(org_id).filter(pk__in=ids).update(archived_turn=0)


def _count(rows: list[Archive]) -> None:
    metrics.ARCHIVES.labels(outcome="removed").inc(len(rows))
