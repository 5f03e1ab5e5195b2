"""Typed edges between memories of one organization."""

from __future__ import annotations

from memories.choices import Relation
from memories.models import Memory, Relationship
from memories.store.record import REASON_MAX


def connect(source: Memory, kind: Relation, target: Memory, *, confidence: float = 1.0, reason: str = "") -> None:
    """`source` does `kind` to `target`. An edge that is there already keeps its first reason."""
    Relationship.objects.bulk_create(
        [
            Relationship(
                org_id=source.org_id,
                source=source,
                target=target,
                kind=kind,
                confidence=confidence,
                reason=reason[:REASON_MAX],
            )
        ],
        ignore_conflicts=True,
    )
