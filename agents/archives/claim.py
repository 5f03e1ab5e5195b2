"""Who writes a session's archive, and what became of that. The row is the claim; a task in the queue is only a nudge.

A writer that dies leaves its claim behind: once it is older than any task may be, the next one takes over. What it may
have written by then is written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from agents.choices import SessionStatus
from agents.models import Archive, Session
from agents.models.archive import ERROR_MAX
from ibex.core import metrics
from ibex.core.ids import uuid7
from ibex.core.queue import TASK_S
from ibex.core.tenancy import scope

LEASE = timedelta(seconds=TASK_S + 60)
"""A task is broken off after TASK_S, wherever it waits: a minute later nobody writes under an old claim."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
_DOUBLINGS_MAX = 7

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A session to be written. `upto`: its last turn, as it stood; `before`: up to where it was archived then."""

    archive: Archive
    session: Session
    holder: UUID
    upto: int
    before: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What a file holds."""

    turns: int
    last_turn: int
    oldest_turn: UUID | None
    oldest_at: datetime | None
    bytes: int
    digest: str


def due(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Those that have ended, were learned from, and are not in their archives: whose turn it is now."""
    now = timezone.now()
    held = Q(seen_at__gt=now - LEASE) | Q(next_try_at__gt=now)
    waiting = Archive.objects.filter(held, session__isnull=False).values("session_id")
    return unarchived(sessions).filter(last_extracted_turn__gte=F("turn_count")).exclude(pk__in=waiting)


def take(org_id: UUID, session_id: UUID) -> Work | None:
    """Claim a session; None where there is nothing to do, or somebody is at it."""
    with scope(org_id):
        session = _to_do(org_id, session_id)
        row = _locked(session) if session else None
        now = timezone.now()
        if row is None or (row.seen_at is not None and row.seen_at > now - LEASE):
            return None
        # Again, under the lock: whoever had the row before may just have done it.
        session = _to_do(org_id, session_id)
        if session is None:
            return None
        row.holder, row.seen_at = uuid7(), now
        row.save(update_fields=["holder", "seen_at"])
        upto, before = session.turn_count, session.archived_turn
        return Work(archive=row, session=session, holder=row.holder, upto=upto, before=before)


def wrote(work: Work, file: Written) -> None:
    """The file is there. A session that was erased meanwhile has left the row to whoever removes its file."""
    now = timezone.now()
    with scope(work.session.org_id):
        row = _own(work)
        if row is None:
            return
        if file.last_turn > row.last_turn or not row.is_there:
            row.written_at = now
        row.turns, row.last_turn, row.bytes, row.digest = file.turns, file.last_turn, file.bytes, file.digest
        row.oldest_turn, row.oldest_at = file.oldest_turn, file.oldest_at
        row.failures, row.error, row.next_try_at, row.removed_at = 0, "", None, None
        _let_go(row)
        _archived(work)
    metrics.ARCHIVES.labels(outcome="written").inc()


def nothing_to_write(work: Work) -> None:
    """No turn of it is kept any more: there is no file."""
    with scope(work.session.org_id):
        if (row := _own(work)) is None:
            return
        row.turns = row.bytes = row.last_turn = 0
        row.digest, row.removed_at = "", timezone.now()
        _let_go(row)
        _archived(work)


def failed(work: Work, error: str) -> None:
    """Try again later, for ever; nothing is lost meanwhile. `error`: a type or code, and nothing that was said."""
    metrics.ARCHIVES.labels(outcome="failed").inc()
    with scope(work.session.org_id):
        row = _own(work)
        if row is None:
            return
        row.failures += 1
        row.error = error[:ERROR_MAX]
        wait = FIRST_WAIT * 2 ** min(row.failures - 1, _DOUBLINGS_MAX)
        row.next_try_at = timezone.now() + min(wait, LONGEST_WAIT)
        _let_go(row)
    _log.warning(
        "archive_failed",
        org_id=str(row.org_id),
        session_id=str(work.session.pk),
        error=row.error,
        failures=row.failures,
    )


def key_of(session: Session) -> str:
    """Where its file is (SPEC section 4). The month is the one in which it began."""
    began = session.started_at.astimezone(UTC)
    return f"{session.org_id}/{session.agent_id}/{began:%Y}/{began:%m}/{session.pk}.ndjson"


def unarchived(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Those that have ended and are not in their archives, whatever they wait for."""
    return sessions.exclude(status=SessionStatus.ACTIVE).filter(archived_turn__lt=F("turn_count"))


def _to_do(org_id: UUID, session_id: UUID) -> Session | None:
    sessions = unarchived(Session.objects.of(org_id)).filter(pk=session_id)
    return sessions.filter(last_extracted_turn__gte=F("turn_count")).first()


def _locked(session: Session) -> Archive:
    """The row, made where there is none."""
    rows = Archive.objects.of(session.org_id).select_for_update().filter(session=session)
    while True:
        if row := rows.first():
            return row
        # Of two that get here the second waits for the first to commit, and then finds that row.
        new = Archive(org_id=session.org_id, session=session, key=key_of(session))
        Archive.objects.bulk_create([new], ignore_conflicts=True)


def _own(work: Work) -> Archive | None:
    """The row, locked, while `work` holds it. The session before it: that is the order in which a session is erased."""
    list(Session.objects.of(work.session.org_id).filter(pk=work.session.pk).select_for_update(no_key=True))
    rows = Archive.objects.of(work.session.org_id).select_for_update()
    return rows.filter(pk=work.archive.pk, holder=work.holder).first()


def _let_go(row: Archive) -> None:
    row.holder = row.seen_at = None
    row.save()


def _archived(work: Work) -> None:
    """Unless somebody has meanwhile asked for it to be written anew."""
    session = Session.objects.of(work.session.org_id).filter(pk=work.session.pk, archived_turn=work.before)
    session.update(archived_turn=work.upto)
