"""The stored memories that a draft may repeat or contradict: a search inside its agent and end user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from pgvector.django import CosineDistance

from memories.choices import Status
from memories.models import Memory
from memories.refinement.draft import Draft, Prepared
from memories.refinement.frames import is_single_valued
from memories.refinement.judge import are_rivals
from memories.refinement.thresholds import LEAST_COSINE
from memories.refinement.words import traits
from memories.retrieval import indexes
from memories.retrieval.statements import nearest_first
from memories.slots import COLUMNS

FETCHED = 40
"""Nearest by cosine, from which the ten by fused score are taken."""
CANDIDATES = 10
"""Of them, the most that a conflict is looked for in (SPEC section 5)."""
WORDS_SHARE = 0.45
"""Of the fused score, the part of shared words; the rest is the cosine, as in retrieval."""
COMPARED = (Status.ACTIVE, Status.PENDING_REVIEW)

_IS_LARGE = """
SELECT count(*) > %(most)s FROM (
  SELECT 1 FROM memories_memory
   WHERE org_id = %(org)s AND agent_id = %(agent)s AND end_user = %(user)s AND deleted_at IS NULL
   LIMIT %(most)s + 1
) AS found
"""
_NOT_READ = ("search_text", *COLUMNS.values())
"""The most expensive part of a row; a merge that needs a vector reads it."""
_NEAREST = "SELECT id FROM memories_memory WHERE org_id = %(org)s AND end_user = %(user)s {nearest} LIMIT %(rows)s"
_SETTINGS_AS_BEFORE = "SET LOCAL enable_seqscan = on; SET LOCAL hnsw.iterative_scan = off"


class _Row(NamedTuple):
    """Of a stored memory, what it is ranked by: most are not among the ten, and are never read in full."""

    id: UUID
    distance: float
    content: str
    subject: str
    attribute: str

    @property
    def cosine(self) -> float:
        return 1.0 - self.distance


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """A stored memory with its cosine to the draft, and the score it is ranked by."""

    memory: Memory
    cosine: float
    score: float


def neighbours(prepared: Prepared, *, quarantined: bool = False) -> list[Neighbour]:
    """The ten best by fused score with a cosine of at least 0.5, best first; before them those that give another value
    to what has one value, however they put it ("lives in Cologne", "has relocated to Hamburg": cosine .45).

    `quarantined`: look among the quarantined ones instead, which never meet the others. The search is exact, but for
    active memories of a large agent that has an index of its own. The rows stay as they are until this transaction
    ends, because writers of one agent wait for each other.
    """
    if quarantined:
        rows = _scanned(prepared, (Status.QUARANTINED,))
    elif (indexed := _indexed(prepared)) is not None:
        rows = indexed + _scanned(prepared, (Status.PENDING_REVIEW,))
    else:
        rows = _scanned(prepared, COMPARED)
    if not quarantined:
        rows += _of_same_attribute(prepared, known={row.id for row in rows})
    scores = _scores(prepared.draft, rows)
    rivals = [row for row in rows if is_rival(prepared.draft, row)]
    close = [row for row in rows if row.cosine >= LEAST_COSINE and row not in rivals]
    best = [*_best_first(rivals, scores), *_best_first(close, scores)][:CANDIDATES]
    memories = _read(prepared.draft, [row.id for row in best])
    # One that was erased between the two reads is nobody's neighbour any more.
    return [
        Neighbour(memory=memories[row.id], cosine=row.cosine, score=scores[row.id])
        for row in best
        if row.id in memories
    ]


def is_rival(draft: Draft, memory: Memory | _Row) -> bool:
    """Whether both name a value of what has one at a time, or states that exclude each other."""
    if draft.attribute and (draft.subject, draft.attribute) == (memory.subject, memory.attribute):
        return is_single_valued(draft.attribute)
    return are_rivals(draft.content, memory.content)


def _scores(draft: Draft, rows: Iterable[_Row]) -> dict[UUID, float]:
    words = traits(draft.content).words
    return {row.id: _score(row, words) for row in rows}


def _score(row: _Row, words: frozenset[str]) -> float:
    theirs = traits(row.content).words
    shared = len(words & theirs) / max(1, min(len(words), len(theirs)))
    return WORDS_SHARE * shared + (1 - WORDS_SHARE) * row.cosine


def _best_first(rows: Iterable[_Row], scores: dict[UUID, float]) -> list[_Row]:
    return sorted(rows, key=lambda row: -scores[row.id])


def _read(draft: Draft, ids: Sequence[UUID]) -> dict[UUID, Memory]:
    if not ids:
        return {}
    return Memory.objects.of(draft.org_id).filter(pk__in=ids).defer(*_NOT_READ).in_bulk()


def _scanned(prepared: Prepared, statuses: Sequence[Status]) -> list[_Row]:
    """The nearest of all rows."""
    near = _with_distance(prepared).filter(status__in=statuses, deleted_at__isnull=True)
    return _rows(near.exclude(**{prepared.slot.column: None}).order_by(F("distance"))[:FETCHED])


def _of_same_attribute(prepared: Prepared, *, known: set[UUID]) -> list[_Row]:
    """Rows that extraction gave the draft's own single-valued attribute, however far away they are."""
    draft = prepared.draft
    if not is_single_valued(draft.attribute):
        return []
    same = _with_distance(prepared).filter(status__in=COMPARED, deleted_at__isnull=True).exclude(pk__in=known)
    return _rows(same.filter(subject=draft.subject, attribute=draft.attribute).order_by("-observed_at")[:CANDIDATES])


def _indexed(prepared: Prepared) -> list[_Row] | None:
    """The nearest active rows by the agent's own index; None where there is none, or where a scan is as good.

    One end user of a large agent may have few memories, and an index under a narrow filter returns too few rows.
    """
    draft, slot, width = prepared.draft, prepared.slot, len(prepared.embedding)
    with connection.cursor() as cursor:
        cursor.execute(indexes.IS_READY, {"index": indexes.index_name("memory", draft.agent_id, slot)})
        if not cursor.fetchone()[0]:
            return None
        place: dict[str, Any] = {"org": draft.org_id, "agent": draft.agent_id, "user": draft.end_user}
        cursor.execute(_IS_LARGE, place | {"most": indexes.EXACT_ROWS})
        if not cursor.fetchone()[0]:
            return None
        settings, statement = indexes.approximate(
            "memory", draft.agent_id, slot, width, _NEAREST.format(nearest=nearest_first(slot))
        )
        cursor.execute("; ".join(settings))
        cursor.execute(statement, place | {"vector": str(prepared.embedding.tolist()), "rows": FETCHED})
        ids = [row[0] for row in cursor.fetchall()]
        cursor.execute(_SETTINGS_AS_BEFORE)
    return _rows(_with_distance(prepared).filter(pk__in=ids))


def _with_distance(prepared: Prepared) -> QuerySet[Memory]:
    """Rows of the draft's agent and end user, with vectors of the model that the draft was embedded with."""
    draft, slot = prepared.draft, prepared.slot
    rows = Memory.objects.of(draft.org_id).filter(
        agent_id=draft.agent_id, end_user=draft.end_user, **{slot.model_column: slot.model}
    )
    # `+ 0` keeps the planner from an approximate index, which under a filter silently returns too few rows.
    return rows.annotate(distance=CosineDistance(slot.column, prepared.embedding) + 0.0)


def _rows(found: QuerySet[Memory]) -> list[_Row]:
    return [_Row(*values) for values in found.values_list(*_Row._fields)]
