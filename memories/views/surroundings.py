"""What a memory is tied to: other memories."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from memories.choices import Relation, Status
from memories.models import Memory, Relationship
from memories.selectors import ONLY_FOR_SEARCH

SHOWN_RELATIONS = 30

_FROM = {relation: relation.label for relation in Relation}
_TO = {
    Relation.SUPPORTS: "Supported by",
    Relation.CONTRADICTS: "Contradicted by",
    Relation.SUPERSEDES: "Superseded by",
    Relation.SPECIALIZES: "Specialized by",
    Relation.OVERLAPS: "Overlaps",
    Relation.CO_OCCURS: "Co-occurs",
    Relation.DERIVED_FROM: "Source of",
}
"""How an edge reads from its target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tie:
    """An edge as read from the memory that is shown. `other` may have been deleted."""

    phrase: str
    other: Memory
    confidence: float
    reason: str


def ties_of(memory: Memory) -> list[Tie]:
    """Edges in both directions, the newest first. One query."""
    rows = (
        Relationship.objects.of(memory.org_id)
        .filter(Q(source=memory) | Q(target=memory))
        .select_related("source", "target")
        .defer(*(f"{end}__{field}" for end in ("source", "target") for field in ONLY_FOR_SEARCH))
        .order_by("-created_at", "-pk")[:SHOWN_RELATIONS]
    )
    return [_tie(memory, row) for row in rows]


def retired_by(org_id: UUID, memory_id: UUID) -> int:
    """How many memories gave way to this one."""
    edges = Relationship.objects.of(org_id).filter(source_id=memory_id, target__status=Status.SUPERSEDED)
    return edges.count()


def phrase_of(edge: Relationship, memory: Memory) -> str:
    """How an edge reads from one of its ends."""
    return (_FROM if edge.source_id == memory.pk else _TO)[Relation(edge.kind)]


def _tie(memory: Memory, row: Relationship) -> Tie:
    return Tie(
        phrase=phrase_of(row, memory),
        other=row.target if row.source_id == memory.pk else row.source,
        confidence=row.confidence,
        reason=row.reason,
    )
