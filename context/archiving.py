"""Archiving sessions: what was said, with what was injected and what each call took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from agents.archives import claim
from agents.archives.writing import ArchiveLost, write
from agents.models import Checkpoint, Session, Trace
from context.models import Injection
from ibex.core import metrics
from ibex.core.errors import StorageUnavailable
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from ibex.core.logging import place_of
from ibex.core.tenancy import scope

_INJECTED = ("memory_id", "memory_version", "excerpt_id", "arm", "rank", "score", "tokens")
_TIMED = ("provider", "status", "level", "overhead_ms", "duration_ms")

_log = structlog.get_logger(__name__)


def archive_session(org_id: UUID, session_id: UUID) -> None:
    """What a worker does when a session has ended; safe beside other workers, and twice. What fails is on record, and
    the sweep tries again.
    """
    try:
        write(org_id, session_id, _told)
    except Exception as error:  # noqa: BLE001 - the boundary: the session's row says what went wrong
        metrics.BOUNDARY_ERRORS.labels(boundary="archive").inc()
        _log.warning("session_not_archived", error=type(error).__name__, at=place_of(error))


def archive_sessions(place: Place | None) -> Iterator[Progress]:
    """The job: a session a step. Whatever has ended and is not in its archive, for whatever reason."""

    def organizations(system: str) -> Iterable[UUID]:
        rows = claim.unarchived(Session.objects.using(system))
        return owners(rows)

    return sweep("archive_sessions", organizations, _archive_next, place, in_scope=False)


def _archive_next(org_id: UUID, after: UUID | None) -> Batch:
    with scope(org_id):
        rows = claim.due(Session.objects.of(org_id))
        session = (rows.filter(pk__gt=after) if after else rows).order_by("pk").first()
    if session is None:
        return Batch()
    try:
        counts = {"sessions": int(write(org_id, session.pk, _told))}
    except StorageUnavailable:
        raise  # the next one would only wait for it as well
    except Exception as error:  # noqa: BLE001 - the boundary: one session must not stop the others; its row says why
        counts = {"sessions_failed": 1}
        if not isinstance(error, ArchiveLost):
            metrics.BOUNDARY_ERRORS.labels(boundary="archive").inc()
            _log.error("session_not_archived", error=type(error).__name__, at=place_of(error))
    return Batch(counts=counts, last=session.pk, has_more=True)


def _told(org_id: UUID, turns: Sequence[Checkpoint]) -> Mapping[UUID, Mapping[str, Any]]:
    """What else is known of each call: its times, and what it was given, by id and version. Memories and excerpts have
    lives of their own: their texts are not copied.
    """
    ids = [turn.turn_id for turn in turns]
    injected: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    lines = Injection.objects.of(org_id).filter(turn_id__in=ids, is_packed=True).order_by("turn_id", "rank")
    for line in lines.values("turn_id", *_INJECTED):
        injected[line.pop("turn_id")].append({name: value for name, value in line.items() if value is not None})
    calls = Trace.objects.of(org_id).filter(turn_id__in=ids)
    timed = {call.pop("turn_id"): call for call in calls.values("turn_id", *_TIMED)}
    return {turn_id: {"call": timed.get(turn_id), "injected": injected[turn_id]} for turn_id in ids}
