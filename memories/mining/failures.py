"""Sessions whose mining failed: those to be tried again, and the dead letters, which somebody may send back."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, QuerySet

from memories.mining.claim import nudge
from memories.models import Extraction

REPLAYED_AT_ONCE = 1_000


def failures_of(org_id: UUID) -> QuerySet[Extraction]:
    """Of one organization, inside its scope: what was given up and what will be tried again, the latest first."""
    failed = Extraction.objects.of(org_id).filter(failures__gt=0).select_related("agent", "session")
    return failed.order_by(F("failed_at").desc(), "-pk")


def given_up(org_id: UUID) -> QuerySet[Extraction]:
    """The dead letters of one organization, the oldest first."""
    return Extraction.objects.of(org_id).filter(given_up_at__isnull=False).order_by("given_up_at", "pk")


def replay(org_id: UUID, session_id: UUID) -> bool:
    """Try a session anew that was given up, with all its retries, in the caller's transaction; whether there is one."""
    return bool(_replay(given_up(org_id).filter(session_id=session_id)))


def replay_all(org_id: UUID, *, agent_id: UUID | None = None) -> int:
    """The same for all of them, or one agent's, the oldest first, at most REPLAYED_AT_ONCE; how many."""
    letters = given_up(org_id)
    return _replay(letters.filter(agent_id=agent_id) if agent_id else letters)


def _replay(letters: QuerySet[Extraction]) -> int:
    """One that a task has taken up meanwhile, for a new turn came, is left to it."""
    rows = list(letters.filter(holder=None).select_for_update(of=("self",), skip_locked=True)[:REPLAYED_AT_ONCE])
    for row in rows:
        row.failures, row.error = 0, ""
        row.failed_at = row.next_try_at = row.given_up_at = None
        nudge(row.org_id, row.session_id)
    Extraction.objects.bulk_update(rows, ["failures", "error", "failed_at", "next_try_at", "given_up_at"])
    return len(rows)
