"""An import's work: a worker reads on from where the run stands, batch by batch, for a while, and queues the rest.

A batch's rows, their outcomes and the run's new place commit together, under the run's lock: a worker that is killed
loses nothing and repeats nothing, and one that was overtaken writes nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from agents.services import audit
from ibex.core import metrics
from ibex.core.logging import place_of
from ibex.core.tenancy import scope
from memories.models import ImportItem, ImportPart, ImportRun
from memories.models.imports import ImportFormat, ImportKind, ImportStatus
from memories.transfer import into_memories, into_sessions
from memories.transfer.errors import UnreadableFile
from memories.transfer.formats import Record, records_of
from memories.transfer.queueing import queue_import

SLICE_S = 20.0
"""Of one task: turns of live conversations wait behind it."""
ATTEMPTS_MAX = 4
"""Failures in a row at one place after which an import is given up: the queue tries a task as often."""
PROBLEM_MAX = 300

_log = structlog.get_logger(__name__)


class ImportFailed(Exception):
    """A task broke; its text says what and where, and nothing of what the file says."""


def run_import(org_id: str, run_id: str, slice_s: float = SLICE_S, *, queued: bool = True) -> None:
    """Read on for `slice_s` seconds, and queue the rest (`queued`). Does nothing for an import that was cancelled or
    has ended.
    """
    run = _begun(UUID(org_id), UUID(run_id))
    if run is None:
        return
    try:
        _count(run)
        _read_on(run, time.monotonic() + slice_s, queued=queued)
    except UnreadableFile as problem:
        _end(run, ImportStatus.FAILED, error=problem.message)
    except Exception as error:  # noqa: BLE001 - the queue keeps and logs what is raised: it must hold nothing of a file
        metrics.BOUNDARY_ERRORS.labels(boundary="import").inc()
        _note_failure(run, error)
        raise ImportFailed(f"{type(error).__name__} at {place_of(error)}") from None


def _begun(org_id: UUID, run_id: UUID) -> ImportRun | None:
    with scope(org_id):
        waiting = ImportRun.objects.of(org_id).filter(pk=run_id, status__in=(ImportStatus.QUEUED, ImportStatus.RUNNING))
        waiting.filter(status=ImportStatus.QUEUED).update(status=ImportStatus.RUNNING, seen_at=timezone.now())
        return waiting.first()


def _count(run: ImportRun) -> None:
    """Read the whole file once, before anything of it is written: one that cannot be read leaves nothing behind."""
    if run.total is not None:
        return
    run.total = sum(1 for _ in records_of(run, from_start=True))
    if not run.total:
        raise UnreadableFile("The file holds no records.")
    with scope(run.org_id):
        run.save(update_fields=["total", "seen_at"])


def _read_on(run: ImportRun, until: float, *, queued: bool) -> None:
    records = records_of(run)
    prepare, write, size = _writer(run)
    while batch := list(islice(records, size)):
        if not _wrote(run, batch, write, prepare(run, batch)):
            return
        if time.monotonic() >= until:
            if queued:
                with scope(run.org_id):
                    queue_import(run)
            return
    _end(run, ImportStatus.SUCCEEDED)


def _writer(run: ImportRun) -> tuple[Callable[..., Any], Callable[..., list[ImportItem]], int]:
    if run.kind == ImportKind.MEMORIES:
        return into_memories.prepare, into_memories.write, into_memories.batch_size(run)
    return into_sessions.prepare, into_sessions.write, into_sessions.BATCH[ImportFormat(run.format)]


def _wrote(run: ImportRun, batch: Sequence[Record], write: Callable[..., list[ImportItem]], prepared: Any) -> bool:
    """Whether the batch was written; not when somebody cancelled the import, or another worker was faster."""
    with scope(run.org_id):
        held = ImportRun.objects.of(run.org_id).select_for_update().filter(pk=run.pk).first()
        if held is None or held.status != ImportStatus.RUNNING or held.position != run.position:
            return False
        items = write(run, prepared)
        ImportItem.objects.bulk_create(items)
        tally = Counter(held.counts)
        for item in items:
            tally[str(item.result)] += 1
            tally["turns"] += item.turns
        run.counts = {name: number for name, number in tally.items() if number}
        run.done = held.done + len(batch)
        run.position, run.line, run.attempts = batch[-1].position, batch[-1].next_line, 0
        run.save(update_fields=["counts", "done", "position", "line", "attempts", "seen_at"])
    return True


def _note_failure(run: ImportRun, error: Exception) -> None:
    with scope(run.org_id):
        held = ImportRun.objects.of(run.org_id).select_for_update().filter(pk=run.pk).first()
        if held is None or held.status != ImportStatus.RUNNING:
            return
        held.attempts += 1
        held.save(update_fields=["attempts", "seen_at"])
        _log.error("import_stumbled", org_id=str(run.org_id), import_id=str(run.pk), error=type(error).__name__)
    if held.attempts >= ATTEMPTS_MAX:
        said = f"It failed {held.attempts} times at line {held.line}: {type(error).__name__}."
        _end(run, ImportStatus.FAILED, error=said)


def _end(run: ImportRun, status: ImportStatus, *, error: str = "") -> None:
    """The file is kept where somebody may go on with it: after a dry run, and after a failure."""
    with scope(run.org_id):
        ended = ImportRun.objects.of(run.org_id).filter(pk=run.pk, status=ImportStatus.RUNNING)
        now = timezone.now()
        if not ended.update(status=status, error=error[:PROBLEM_MAX], finished_at=now, seen_at=now):
            return
        if status == ImportStatus.SUCCEEDED and not run.is_dry_run:
            ImportPart.objects.of(run.org_id).filter(run=run).delete()
        audit.record(org_id=run.org_id, actor=run.actor, action=f"import.{status}", obj=run, **run.counts)
    _log.info("import_ended", org_id=str(run.org_id), import_id=str(run.pk), outcome=str(status), **run.counts)
