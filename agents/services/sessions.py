"""The end of a session, when somebody says so. A turn that is spoken after it makes the session active again."""

from __future__ import annotations

from django.utils import timezone

from agents.choices import SessionStatus
from agents.models import Session
from agents.services import audit
from ibex.core.queue import enqueue

EXTRACT_TASK = "memories.tasks.extract_session"
ARCHIVE_TASK = "context.tasks.archive_session"
"""It follows the mining of a session that has ended (`memories.mining.batch`)."""


def complete(session: Session, *, actor: str) -> Session:
    """An active session is completed, and what was not mined of it yet is queued; one that has ended stays as it is.

    Turns of it that are still in the journal find it completed: they are added, and mined, all the same.
    """
    locked = Session.objects.of(session.org_id).select_for_update().get(pk=session.pk)
    if locked.status != SessionStatus.ACTIVE:
        return locked
    locked.status, locked.completed_at = SessionStatus.COMPLETED, timezone.now()
    locked.save(update_fields=["status", "completed_at"])
    audit.record(org_id=locked.org_id, actor=actor, action="session.completed", obj=locked)
    enqueue(EXTRACT_TASK, str(locked.org_id), str(locked.pk), group=str(locked.pk))
    return locked
