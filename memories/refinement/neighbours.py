"""The stored memories that a draft may repeat or contradict: one exact search inside its agent and end user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.db.models import F
from pgvector.django import CosineDistance

from memories.choices import Status
from memories.models import Memory
from memories.refinement.draft import Prepared
from memories.refinement.thresholds import LEAST_COSINE
from memories.refinement.words import traits

FETCHED = 40
"""Nearest by cosine, from which the ten by fused score are taken."""
CANDIDATES = 10
"""Of them, the most that a conflict is looked for in (SPEC section 5)."""
WORDS_SHARE = 0.45
"""Of the fused score, the part of shared words; the rest is the cosine, as in retrieval."""
COMPARED = (Status.ACTIVE, Status.PENDING_REVIEW)


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """A stored memory with its cosine to the draft, and the score it is ranked by."""

    memory: Memory
    cosine: float
    score: float


def neighbours(prepared: Prepared, *, quarantined: bool = False) -> list[Neighbour]:
    """The ten best by fused score with a cosine of at least 0.5, best first.

    `quarantined`: look among the quarantined ones instead, which never meet the others. The search is exact: an index
    that returned too few rows here would let a duplicate through. The rows stay as they are until this transaction
    ends, because writers of one agent wait for each other.
    """
    statuses = (Status.QUARANTINED,) if quarantined else COMPARED
    draft = prepared.draft
    # `+ 0` keeps the planner from an approximate index, which under a filter silently returns too few rows.
    distance = CosineDistance(prepared.slot.column, prepared.embedding) + 0.0
    rows = (
        Memory.objects.of(draft.org_id)
        .filter(agent_id=draft.agent_id, end_user=draft.end_user, status__in=statuses, deleted_at__isnull=True)
        .filter(**{prepared.slot.model_column: prepared.slot.model})
        .exclude(**{prepared.slot.column: None})
        .annotate(distance=distance)
        .order_by(F("distance"))[:FETCHED]
    )
    words = traits(draft.content).words
    found = [_neighbour(memory, words) for memory in rows]
    close = [neighbour for neighbour in found if neighbour.cosine >= LEAST_COSINE]
    return sorted(close, key=lambda neighbour: -neighbour.score)[:CANDIDATES]


def _neighbour(memory: Memory, words: frozenset[str]) -> Neighbour:
    cosine = 1.0 - cast("float", memory.distance)  # type: ignore[attr-defined]
    theirs = traits(memory.content).words
    shared = len(words & theirs) / max(1, min(len(words), len(theirs)))
    return Neighbour(memory=memory, cosine=cosine, score=WORDS_SHARE * shared + (1 - WORDS_SHARE) * cosine)
