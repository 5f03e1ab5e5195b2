"""Putting an import's work into the queue, in the caller's transaction."""

from __future__ import annotations

from ibex.core.queue import enqueue
from memories.models import ImportRun

IMPORT_TASK = "memories.transfer.work.run_import"
UNDO_TASK = "memories.transfer.undo.run_undo"


def queue_import(run: ImportRun) -> None:
    """Let a worker read on."""
    enqueue(IMPORT_TASK, str(run.org_id), str(run.pk), group=str(run.pk))


def queue_undo(run: ImportRun) -> None:
    """Let a worker take back more of it."""
    enqueue(UNDO_TASK, str(run.org_id), str(run.pk), group=str(run.pk))
