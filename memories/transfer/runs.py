"""What people decide about an import: stop it, let it go on, do in earnest what was tried, take it back.

All inside the caller's `scope(org_id)` and transaction; audited.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import timedelta

from django.utils import timezone

from agents.services import audit
from ibex.core.errors import Conflict, NotFound
from memories.models import ImportPart, ImportRun
from memories.models.imports import ImportStatus
from memories.transfer.queueing import queue_import, queue_undo

UNDOABLE = (ImportStatus.SUCCEEDED, ImportStatus.FAILED, ImportStatus.CANCELLED)
CANCELLABLE = (ImportStatus.QUEUED, ImportStatus.RUNNING)
STOPPED = (ImportStatus.FAILED, ImportStatus.CANCELLED)
AT_WORK = (*CANCELLABLE, ImportStatus.UNDOING)
RESUMABLE = (*STOPPED, *AT_WORK)
"""Those at work too: one whose worker died more often than the queue tries stands still."""
SILENT_AFTER = timedelta(minutes=10)
"""Longer than the queue waits before it tries a task again."""


def cancel(run: ImportRun, *, actor: str) -> ImportRun:
    """Stop it after the batch at work. What is written stays until it is undone. Raises Conflict."""
    held = _held(run, CANCELLABLE, "This import is not running.")
    return _moved(held, ImportStatus.CANCELLED, "cancelled", actor)


def resume(run: ImportRun, *, actor: str) -> ImportRun:
    """Let a worker read on from where it stopped. Raises Conflict, also when its file is not kept any more."""
    held = _held(run, RESUMABLE, "This import cannot go on.")
    if held.status == ImportStatus.UNDOING:
        held.attempts = 0
        queue_undo(held)
        return _moved(held, ImportStatus.UNDOING, "resumed", actor)
    if held.undo_line is not None:
        raise Conflict("A part of this import is undone already: undo the rest.")
    _check_file(held)
    held.attempts, held.error, held.finished_at = 0, "", None
    queue_import(held)
    return _moved(held, ImportStatus.QUEUED, "resumed", actor)


def stands_still(run: ImportRun) -> bool:
    """Whether it should be at work, and nobody has been for a while."""
    return run.status in AT_WORK and run.seen_at < timezone.now() - SILENT_AFTER


def start_in_earnest(run: ImportRun, *, actor: str) -> ImportRun:
    """Import the file of a dry run; the new import. Raises Conflict, also when it was done before."""
    held = _held(run, (ImportStatus.SUCCEEDED,), "This dry run has not ended well.")
    if not held.is_dry_run:
        raise Conflict("This was no dry run.")
    _check_file(held)
    names = ("org_id", "agent_id", "kind", "format", "end_user", "file_name", "file_bytes", "total")
    made = ImportRun.objects.create(**{name: getattr(held, name) for name in names}, actor=actor)
    ImportPart.objects.of(held.org_id).filter(run=held).update(run=made)
    audit.record(org_id=made.org_id, actor=actor, action="import.created", obj=made, kind=made.kind, after=str(held.pk))
    queue_import(made)
    return made


def undo(run: ImportRun, *, actor: str) -> ImportRun:
    """Take back what it did, in the background. Raises Conflict."""
    held = _held(run, UNDOABLE, "Only an import that has ended can be undone, and only once.")
    if held.is_dry_run:
        raise Conflict("A dry run has done nothing that could be undone.")
    ImportPart.objects.of(held.org_id).filter(run=held).delete()
    held.attempts, held.error = 0, ""
    queue_undo(held)
    return _moved(held, ImportStatus.UNDOING, "undo_asked", actor)


def _held(run: ImportRun, statuses: Container[str], otherwise: str) -> ImportRun:
    held = ImportRun.objects.of(run.org_id).select_for_update().filter(pk=run.pk).first()
    if held is None:
        raise NotFound
    if held.status not in statuses:
        raise Conflict(otherwise)
    return held


def _moved(run: ImportRun, status: ImportStatus, action: str, actor: str) -> ImportRun:
    run.status = status
    run.save(update_fields=["status", "attempts", "error", "finished_at", "seen_at"])
    audit.record(org_id=run.org_id, actor=actor, action=f"import.{action}", obj=run)
    return run


def _check_file(run: ImportRun) -> None:
    if not ImportPart.objects.of(run.org_id).filter(run=run).exists():
        raise Conflict("The file is not kept any more. Bring it again: what is known already is not stored twice.")
