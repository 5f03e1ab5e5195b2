"""Undoing an import: a worker takes back what it did, the last first, for a while, and queues the rest.

Memories first; of an import of conversations, the sessions when all their memories are decided about: until then they
say which proofs came from where.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import F
from django.utils import timezone

from agents.models import Session
from agents.services import audit
from ibex.core import metrics
from ibex.core.logging import place_of
from ibex.core.tenancy import scope
from memories import store
from memories.mining.work import ACTOR as EXTRACTION_ACTOR
from memories.models import ImportItem, ImportRun, Memory, MemoryVersion
from memories.models.imports import ImportKind, ImportStatus
from memories.transfer.queueing import queue_undo
from memories.transfer.take_back import ALREADY, CHANGED, SAID_AGAIN, Ours, Undoing, take_back
from memories.transfer.work import ATTEMPTS_MAX, SLICE_S, ImportFailed

ITEMS_AT_ONCE = 20
SESSIONS_AT_ONCE = 50
SAID_IN = "said again in session {}"
"""The reason of a version that a turn proved anew (`memories.store.write.said_in`)."""
LEFT = (CHANGED, SAID_AGAIN)
REMOVED = "session removed"

_DELETE_SESSIONS = "DELETE FROM agents_session WHERE org_id = %s AND id = ANY(%s)"
_log = structlog.get_logger(__name__)


def run_undo(org_id: str, run_id: str, slice_s: float = SLICE_S) -> None:
    """Take back for `slice_s` seconds."""
    org, until = UUID(org_id), time.monotonic() + slice_s
    with scope(org):
        run = ImportRun.objects.of(org).filter(pk=UUID(run_id), status=ImportStatus.UNDOING).first()
    if run is None:
        return
    try:
        for _ in _steps(run):
            if time.monotonic() >= until:
                with scope(org):
                    queue_undo(run)
                return
        _end(run)
    except Exception as error:  # noqa: BLE001 - the queue keeps and logs what is raised: it must hold nothing of a memory
        metrics.BOUNDARY_ERRORS.labels(boundary="import").inc()
        _note_failure(run, error)
        raise ImportFailed(f"{type(error).__name__} at {place_of(error)}") from None


def _steps(run: ImportRun) -> Iterator[None]:
    sessions = _sessions_of(run)
    undoing = Undoing(org_id=run.org_id, actor=run.undo_tag, ours=_ours(run, sessions))
    _stop_extraction(run, sessions)
    decided: set[UUID] = set()
    while items := _next(run):
        _undo_items(run, undoing, items, decided)
        yield
    for start in range(0, len(sessions), SESSIONS_AT_ONCE):
        _remove(run, sessions[start : start + SESSIONS_AT_ONCE])
        yield


def _sessions_of(run: ImportRun) -> list[UUID]:
    if run.kind != ImportKind.CONVERSATIONS:
        return []
    with scope(run.org_id):
        items = ImportItem.objects.of(run.org_id).filter(run=run, session__isnull=False)
        return list(items.order_by("session_id").values_list("session_id", flat=True).distinct())


def _ours(run: ImportRun, sessions: Iterable[UUID]) -> Ours:
    known = frozenset(sessions)
    reasons = {SAID_IN.format(session) for session in known}

    def written_by_it(_memory: Memory, version: MemoryVersion) -> bool:
        return version.actor == run.tag

    def learned_from_it(memory: Memory, version: MemoryVersion) -> bool:
        is_first = version.number == 1 and version.actor == EXTRACTION_ACTOR and memory.created_at >= run.created_at
        return version.reason in reasons or (is_first and memory.session_id in known)

    return learned_from_it if run.kind == ImportKind.CONVERSATIONS else written_by_it


def _stop_extraction(run: ImportRun, sessions: Sequence[UUID]) -> None:
    """Nothing more is learned from them: whoever is at it finds the pointer moved, and writes nothing."""
    with scope(run.org_id):
        Session.objects.of(run.org_id).filter(pk__in=sessions).update(last_extracted_turn=F("turn_count"))


def _next(run: ImportRun) -> list[ImportItem]:
    with scope(run.org_id):
        did = ImportItem.objects.of(run.org_id).filter(run=run).exclude(memory=None, session=None)
        if run.undo_line is not None:
            did = did.filter(line__lt=run.undo_line)
        return list(did.order_by("-line")[:ITEMS_AT_ONCE])


def _undo_items(run: ImportRun, undoing: Undoing, items: Sequence[ImportItem], decided: set[UUID]) -> None:
    """`decided`: sessions whose memories were decided about; many lines may be turns of one."""
    outcomes: Counter[str] = Counter()
    learned = _learned_from(run, {item.session_id for item in items if item.session_id} - decided)
    for item in items:
        told = [take_back(undoing, memory_id) for memory_id in learned.pop(item.session_id, ())]
        if item.memory_id is not None:
            told.append(take_back(undoing, item.memory_id))
        outcomes.update("left" if one in LEFT else "taken_back" for one in told if one != ALREADY)
        item.undone = next((one for one in told if one in LEFT), REMOVED if item.session_id else told[-1])
    decided.update(item.session_id for item in items if item.session_id)
    with scope(run.org_id):
        ImportItem.objects.bulk_update(items, ["undone"])
        run.undo_line, run.attempts = items[-1].line, 0
        run.counts = dict(Counter(run.counts) + outcomes)
        run.save(update_fields=["undo_line", "counts", "attempts", "seen_at"])


def _learned_from(run: ImportRun, sessions: AbstractSet[UUID]) -> dict[UUID | None, list[UUID]]:
    """Of each session, the memories that its turns made, bettered or proved."""
    if not sessions:
        return {}
    with scope(run.org_id):
        made = Memory.objects.of(run.org_id).filter(session_id__in=sessions)
        reasons = {SAID_IN.format(session): session for session in sessions}
        versions = MemoryVersion.objects.of(run.org_id).filter(reason__in=reasons, created_at__gte=run.created_at)
        found = [*made.values_list("session_id", "pk"), *made.values_list("session_id", "merged_into_id")]
        found += [(reasons[reason], memory_id) for reason, memory_id in versions.values_list("reason", "memory_id")]
    learned: dict[UUID | None, list[UUID]] = {}
    for session, memory_id in dict.fromkeys(found):
        if memory_id is not None:
            learned.setdefault(session, []).append(memory_id)
    return learned


def _remove(run: ImportRun, sessions: Sequence[UUID]) -> None:
    """Their turns and excerpts go with them; memories that are left forget the way back, under their writers' lock."""
    with scope(run.org_id):
        list(Session.objects.of(run.org_id).filter(pk__in=sessions).order_by("pk").select_for_update())
        store.one_writer(run.org_id, run.agent_id)
        with connection.cursor() as cursor:
            cursor.execute(_DELETE_SESSIONS, [run.org_id, list(sessions)])


def _end(run: ImportRun) -> None:
    with scope(run.org_id):
        now = timezone.now()
        ImportRun.objects.of(run.org_id).filter(pk=run.pk).update(
            status=ImportStatus.UNDONE, finished_at=now, seen_at=now
        )
        audit.record(org_id=run.org_id, actor=run.actor, action="import.undone", obj=run, **run.counts)
    _log.info("import_undone", org_id=str(run.org_id), import_id=str(run.pk), **run.counts)


def _note_failure(run: ImportRun, error: Exception) -> None:
    _log.error("import_undo_stumbled", org_id=str(run.org_id), import_id=str(run.pk), error=type(error).__name__)
    with scope(run.org_id):
        undoing = ImportRun.objects.of(run.org_id).filter(pk=run.pk, status=ImportStatus.UNDOING)
        undoing.update(attempts=F("attempts") + 1, seen_at=timezone.now())
        said = f"Undoing it failed {ATTEMPTS_MAX} times: {type(error).__name__}. Undo it again to go on."
        undoing.filter(attempts__gte=ATTEMPTS_MAX).update(status=ImportStatus.FAILED, error=said)
