"""Reads of memories, shared by pages and API. Inside `scope(org)`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from agents.models import Checkpoint, Session
from memories.choices import Status
from memories.models import Memory, MemoryVersion
from memories.store.review import CLASHES

ONLY_FOR_SEARCH = ("embedding", "embedding_b", "search_text")
"""Columns that nobody reads, and that would be most of a row."""
VERSIONS_TOLD = 100
"""Of a memory's origin, the newest; `versions_of` has them all, in pages."""
LINEAGE_STEPS = 20
"""How far a line of replacements is followed."""
LINEAGE_MAX = 200
"""Memories and texts that a lineage names."""


def memories_of(org_id: UUID) -> QuerySet[Memory]:
    """Memories that were not deleted, the newest first, without what only search reads."""
    live = Memory.objects.of(org_id).filter(deleted_at__isnull=True)
    return live.select_related("agent").defer(*ONLY_FOR_SEARCH).order_by("-created_at", "-pk")


def versions_of(memory: Memory) -> QuerySet[MemoryVersion]:
    """Every version, the newest first."""
    return MemoryVersion.objects.of(memory.org_id).filter(memory=memory).order_by("-number")


def contents_then(org_id: UUID, wanted: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
    """What memories said in given versions, by (memory, version); not those deleted since. Two queries."""
    rows = Memory.objects.of(org_id).filter(pk__in={memory_id for memory_id, _ in wanted}, deleted_at__isnull=True)
    now = {
        memory_id: (version, content) for memory_id, version, content in rows.values_list("pk", "version", "content")
    }
    told = {
        (memory_id, version): now[memory_id][1]
        for memory_id, version in wanted
        if memory_id in now and now[memory_id][0] == version
    }
    earlier = {(memory_id, version) for memory_id, version in wanted if memory_id in now} - told.keys()
    return told | contents_of_versions(org_id, earlier)


def contents_of_versions(org_id: UUID, wanted: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
    """What memories said in versions that are past, by (memory, version)."""
    if not wanted:
        return {}
    versions = MemoryVersion.objects.of(org_id).filter(
        memory_id__in={memory_id for memory_id, _ in wanted}, number__in={number for _, number in wanted}
    )
    said = {(row.memory_id, row.number): row.snapshot.get("content") for row in versions}
    return {key: text for key, text in said.items() if key in wanted and isinstance(text, str)}


# Where does it come from?


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One line of a memory's history: what was done, by whom (as `MemoryVersion.actor`), why, when."""

    number: int
    operation: str
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Where a memory comes from. `turn_*`: the turn it was learned from; None when it was written, or is erased."""

    memory: Memory
    session: Session | None
    turn_id: UUID | None
    turn_number: int | None
    said_at: datetime | None
    changes: Sequence[Change]
    """The newest VERSIONS_TOLD, the last first."""


def provenance(rows: QuerySet[Memory], memory_id: UUID) -> Provenance | None:
    """Where one of `rows` comes from; None when it is not one of them. One statement."""
    history = MemoryVersion.objects.filter(org_id=OuterRef("org_id"), memory_id=OuterRef("pk")).order_by("-number")
    line = JSONObject(number="number", operation="operation", actor="actor", reason="reason", at="created_at")
    told = ArraySubquery(history.values(line=line)[:VERSIONS_TOLD])
    found = (
        rows.filter(pk=memory_id)
        .select_related("agent", "session")
        .annotate(
            told=told,
            turn=F("checkpoint__turn_id"),
            turn_number=F("checkpoint__number"),
            said_at=F("checkpoint__said_at"),
        )
        .first()
    )
    if found is None:
        return None
    return Provenance(
        memory=found,
        session=found.session,
        turn_id=found.turn,
        turn_number=found.turn_number,
        said_at=found.said_at,
        changes=[Change(**(change | {"at": datetime.fromisoformat(change["at"])})) for change in found.told],
    )


# What did it replace, what replaced it?


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """A memory on the line of another. `step`: how many replacements lie between, 1 for the next one.

    `kind`: that of the edge, or `merged`. `content` is empty once it has been deleted.
    """

    memory_id: UUID
    step: int
    kind: str
    confidence: float
    reason: str
    at: datetime
    content: str
    status: str
    is_deleted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierText:
    """What a memory itself said until another text took its place. `number`: the last version that had it."""

    number: int
    content: str
    until: datetime
    operation: str
    actor: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """What a memory replaced and what replaced it, the nearest first; and its own earlier texts, the latest first."""

    replaced: Sequence[Replacement]
    replaced_by: Sequence[Replacement]
    earlier_texts: Sequence[EarlierText]

    def __bool__(self) -> bool:
        return bool(self.replaced or self.replaced_by or self.earlier_texts)


_LINEAGE = """
    WITH RECURSIVE line (id, is_newer, step, kind, confidence, reason, at) AS (
        SELECT %(memory)s::uuid, is_newer, 0, '', 0::float8, '', NULL::timestamptz
        FROM (VALUES (true), (false)) AS side (is_newer)
        UNION
        SELECT link.id, line.is_newer, line.step + 1, link.kind::text, link.confidence, link.reason::text, link.at
        FROM line CROSS JOIN LATERAL (
            SELECT edge.target_id AS id, edge.kind, edge.confidence, edge.reason, edge.created_at AS at
            FROM memories_relationship edge JOIN memories_memory older
              ON older.org_id = edge.org_id AND older.id = edge.target_id AND older.status = %(superseded)s
            WHERE NOT line.is_newer AND edge.org_id = %(org)s AND edge.source_id = line.id
              AND edge.kind = ANY(%(kinds)s)
            UNION ALL
            SELECT edge.source_id, edge.kind, edge.confidence, edge.reason, edge.created_at
            FROM memories_relationship edge JOIN memories_memory older
              ON older.org_id = edge.org_id AND older.id = edge.target_id AND older.status = %(superseded)s
            WHERE line.is_newer AND edge.org_id = %(org)s AND edge.target_id = line.id
              AND edge.kind = ANY(%(kinds)s)
            UNION ALL
            SELECT gone.id, %(merged)s, 1, gone.status_reason, gone.updated_at FROM memories_memory gone
            WHERE NOT line.is_newer AND gone.org_id = %(org)s AND gone.merged_into_id = line.id
            UNION ALL
            SELECT gone.merged_into_id, %(merged)s, 1, gone.status_reason, gone.updated_at FROM memories_memory gone
            WHERE line.is_newer AND gone.org_id = %(org)s AND gone.id = line.id AND gone.merged_into_id IS NOT NULL
        ) AS link
        WHERE line.step < %(steps)s
    ), others AS (
        SELECT line.id, line.is_newer, line.step, line.kind, line.confidence, line.reason, line.at,
               other.content, other.status, other.deleted_at IS NOT NULL AS is_deleted
        FROM (SELECT DISTINCT ON (is_newer, id) * FROM line ORDER BY is_newer, id, step) AS line
        JOIN memories_memory other ON other.org_id = %(org)s AND other.id = line.id
        WHERE line.step > 0 ORDER BY line.step, line.at DESC, line.id LIMIT %(most)s
    ), texts AS (
        SELECT number, content, lead(created_at) OVER later AS until, lead(content) OVER later AS next_content,
               lead(operation) OVER later AS operation, lead(actor) OVER later AS actor,
               lead(reason) OVER later AS reason
        FROM (SELECT number, snapshot ->> 'content' AS content, created_at, operation, actor, reason
              FROM memories_memoryversion WHERE org_id = %(org)s AND memory_id = %(memory)s) AS version
        WINDOW later AS (ORDER BY number)
    )
    SELECT 'other', id, is_newer, step, kind, confidence, reason, at, content, status, is_deleted FROM others
    UNION ALL
    SELECT 'text', NULL, NULL, number, operation, NULL, reason, until, content, actor, NULL FROM (
        SELECT * FROM texts WHERE content <> '' AND next_content <> content ORDER BY number DESC LIMIT %(most)s
    ) AS earlier
"""


def lineage(memory: Memory) -> Lineage:
    """What `memory` replaced and what replaced it, followed to both ends. One statement."""
    given: dict[str, Any] = {
        "org": memory.org_id,
        "memory": memory.pk,
        "kinds": list(CLASHES),
        "superseded": Status.SUPERSEDED,
        "merged": Status.MERGED,
        "steps": LINEAGE_STEPS,
        "most": LINEAGE_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LINEAGE, given)
        rows = sorted(cursor.fetchall(), key=lambda row: row[3])
    others = [row for row in rows if row[0] == "other"]
    return Lineage(
        replaced=[_replacement(row) for row in others if not row[2]],
        replaced_by=[_replacement(row) for row in others if row[2]],
        earlier_texts=[_earlier_text(row) for row in reversed(rows) if row[0] == "text"],
    )


def _replacement(row: Sequence[Any]) -> Replacement:
    _, memory_id, _, step, kind, confidence, reason, at, content, status, is_deleted = row
    return Replacement(
        memory_id=memory_id,
        step=step,
        kind=kind,
        confidence=confidence,
        reason=reason,
        at=at,
        content=content,
        status=status,
        is_deleted=is_deleted,
    )


def _earlier_text(row: Sequence[Any]) -> EarlierText:
    _, _, _, number, operation, _, reason, until, content, actor, _ = row
    return EarlierText(number=number, content=content, until=until, operation=operation, actor=actor, reason=reason)


# Where was it used?


def uses(memory: Memory) -> QuerySet[Any]:
    """Each prompt that it was put into, the newest first: `context.Injection` rows whose `place` says in which session
    and turn, with `number`, `session_id`, `session` (the application's id) and `said_at`; None once that is erased;
    `was_used` by the answer, None where that was not read. One statement for a page.

    Rows of before receipts were kept in one piece may say of what it was left out.
    """
    turn = Checkpoint.objects.filter(org_id=OuterRef("org_id"), turn_id=OuterRef("turn_id"))
    place = JSONObject(number="number", session_id="session_id", session="session__external_id", said_at="said_at")
    # `injections` comes from a room that this one does not know: it is read through the memory alone.
    injections: QuerySet[Any] = memory.injections.filter(org_id=memory.org_id)
    read: QuerySet[Any] = memory.readings.filter(org_id=memory.org_id, turn_id=OuterRef("turn_id"))
    placed: QuerySet[Any] = injections.annotate(
        place=Subquery(turn.order_by().values(place=place)[:1]), was_used=Subquery(read.values("is_used")[:1])
    )
    return placed.order_by("-created_at", "-pk")
