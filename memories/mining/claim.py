"""Who mines a session, and what became of those who failed.

The row is the claim; a task in the queue is only a nudge. It is made, looked at and removed under its own lock, so that
of two tasks one works, and the other may go: whoever removes the row has seen, under that lock, that nothing waits. A
task that dies leaves the row behind; once it is silent for longer than a task may take, the next nudge takes over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.utils import timezone

from agents.models import Session
from agents.services.sessions import EXTRACT_TASK
from ibex.core import metrics
from ibex.core.queue import TASK_S, enqueue
from ibex.core.tenancy import scope
from memories.models import Extraction
from memories.models.extraction import ERROR_MAX

RETRIES = 3  # SPEC section 5
FIRST_WAIT = timedelta(seconds=20)
WAIT_FACTOR = 4
"""Waits of 20 s, 80 s and 320 s: what a provider is away for a moment, and for some minutes."""
LEASE = timedelta(seconds=TASK_S)
RENEWED_AFTER = LEASE / 8
DIED = "WorkerDied"
"""Instead of an error, of which nobody was left to tell."""

_log = structlog.get_logger(__name__)


def hold(session: Session, holder: UUID) -> Extraction | None:
    """The session's row, locked and claimed for `holder`, inside the caller's scope.

    None where there is nothing to do for it: another task is at it, or will be once its time has come.
    """
    now = timezone.now()
    row = _locked(session, holder, now)
    if row.holder == holder:
        return _seen(row, holder, now)
    if row.holder is not None:
        if row.seen_at is not None and row.seen_at > now - LEASE:
            _look_again(row, row.seen_at + LEASE)
            return None
        _count(row, DIED, now)
        if row.given_up_at is not None:  # what kills workers is left alone until a person or a new turn asks again
            _let_go(row)
            return None
    elif row.next_try_at is not None and row.next_try_at > now:
        return None
    return _seen(row, holder, now)


def finished(row: Extraction) -> None:
    """Nothing of the session waits any more; the row is held by its lock."""
    row.delete()


def hand_over(org_id: UUID, session_id: UUID, holder: UUID) -> None:
    """Leave the rest to another task, behind those that have queued meanwhile."""
    with scope(org_id):
        if row := _own(org_id, session_id, holder):
            _let_go(row)
            nudge(org_id, session_id)


def failed(org_id: UUID, session_id: UUID, holder: UUID, error: str) -> None:
    """Count a failure: another try after a while, or none. `error`: a type or code, and nothing that was said."""
    with scope(org_id):
        row = _own(org_id, session_id, holder)
        if row is None:
            return
        now = timezone.now()
        _count(row, error, now)
        if row.given_up_at is None:
            row.next_try_at = now + FIRST_WAIT * WAIT_FACTOR ** (row.failures - 1)
            nudge(org_id, session_id, not_before=row.next_try_at)
        _let_go(row)


def nudge(org_id: UUID, session_id: UUID, *, not_before: datetime | None = None) -> None:
    """Queue a task for the session, in the caller's transaction."""
    enqueue(EXTRACT_TASK, str(org_id), str(session_id), group=str(session_id), not_before=not_before)


def _locked(session: Session, holder: UUID, now: datetime) -> Extraction:
    """The row; where there is none, a new one that `holder` has."""
    rows = Extraction.objects.of(session.org_id)
    while True:
        if row := rows.select_for_update().filter(session=session).first():
            return row
        # Of two that get here the second waits for the first to commit; then the row is there, or gone again.
        new = Extraction(org_id=session.org_id, agent_id=session.agent_id, session=session, holder=holder, seen_at=now)
        rows.bulk_create([new], ignore_conflicts=True)


def _look_again(row: Extraction, when: datetime) -> None:
    """The other one may die; and the queue may have handed out this very task twice, and take it for done now."""
    if row.next_try_at is None:
        row.next_try_at = when
        row.save()
        nudge(row.org_id, row.session_id, not_before=when)


def _own(org_id: UUID, session_id: UUID, holder: UUID) -> Extraction | None:
    rows = Extraction.objects.of(org_id).select_for_update()
    return rows.filter(session_id=session_id, holder=holder).first()


def _seen(row: Extraction, holder: UUID, now: datetime) -> Extraction:
    if row.holder != holder or row.seen_at is None or row.seen_at < now - RENEWED_AFTER:
        row.holder, row.seen_at, row.next_try_at = holder, now, None
        row.save()
    return row


def _let_go(row: Extraction) -> None:
    row.holder = row.seen_at = None
    row.save()


def _count(row: Extraction, error: str, now: datetime) -> None:
    row.failures += 1
    row.error, row.failed_at = error[:ERROR_MAX], now
    gives_up = row.failures > RETRIES and row.given_up_at is None
    if gives_up:
        row.given_up_at = now
    metrics.EXTRACTED.labels(outcome="given_up" if gives_up else "failed").inc()
    _log.warning(
        "extraction_failed",
        org_id=str(row.org_id),
        session_id=str(row.session_id),
        error=row.error,
        failures=row.failures,
        given_up=row.given_up_at is not None,
    )
