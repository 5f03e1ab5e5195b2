"""Excerpts have a time of their own, which may be over before their turn's is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.utils import timezone

from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from memories.models import Excerpt

EXCERPTS_AT_ONCE = 500


def forget(place: Place | None) -> Iterator[Progress]:
    """Remove those that have expired."""

    def organizations(system: str) -> Iterable[UUID]:
        expired = Excerpt.objects.using(system).filter(expires_at__lte=timezone.now())
        return owners(expired)

    return sweep("forget_excerpts", organizations, _forget, place)


def _forget(org_id: UUID, _after: UUID | None) -> Batch:
    expired = Excerpt.objects.of(org_id).filter(expires_at__lte=timezone.now()).order_by("pk")
    found = expired.select_for_update(skip_locked=True).values_list("pk", flat=True)[:EXCERPTS_AT_ONCE]
    # The database takes their injections along: Django would delete those itself, and this role may not.
    expired = Excerpt.objects.of(org_id).filter(pk__in=list(found))
    gone = expired._raw_delete(expired.db)  # noqa: SLF001
    return Batch(counts={"excerpts": gone}, has_more=gone == EXCERPTS_AT_ONCE)
