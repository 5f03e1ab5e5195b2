"""What a person decides about a quarantined, conflicting or unsure memory."""

from __future__ import annotations

from django.db.models import QuerySet

from ibex.core.errors import Conflict
from memories.choices import Operation, Relation, Status
from memories.models import Memory, Relationship
from memories.store.life import supersede
from memories.store.record import hold, record

REJECTED = "rejected"
"""How the `status_reason` of a memory begins that a person refused."""
WAITING = (Status.QUARANTINED, Status.PENDING_REVIEW)
CLASHES = (Relation.CONTRADICTS, Relation.SUPERSEDES, Relation.SPECIALIZES, Relation.OVERLAPS)


KEPT_BOTH = "kept beside what it was compared with"


def approve(memory: Memory, *, actor: str) -> list[Memory]:
    """Let a waiting memory into prompts. What it was found to clash with gives way to it; returns those memories.

    Raises Conflict when it does not wait any more.
    """
    hold_waiting(memory)
    memory.status, memory.status_reason = Status.ACTIVE, ""
    record(memory, Operation.APPROVED, actor=actor)
    retired = []
    for edge in clashes_of(memory):
        supersede(
            edge.target, memory, Relation(edge.kind), confidence=1.0, reason=edge.reason or "approved", actor=actor
        )
        retired.append(edge.target)
    return retired


def keep_both(memory: Memory, *, actor: str) -> list[Memory]:
    """Let a waiting memory into prompts beside what it was found to clash with: both are true. Returns those memories.

    The edges stay, as the record of what was compared. Raises Conflict when it does not wait any more.
    """
    hold_waiting(memory)
    memory.status, memory.status_reason = Status.ACTIVE, ""
    record(memory, Operation.APPROVED, actor=actor, reason=KEPT_BOTH)
    return [edge.target for edge in clashes_of(memory)]


def reject(memory: Memory, *, actor: str, reason: str = "") -> None:
    """Put a waiting memory away; extraction does not learn it again. Raises Conflict when it does not wait any more."""
    hold_waiting(memory)
    memory.status = Status.ARCHIVED
    memory.status_reason = f"{REJECTED}: {reason}" if reason else REJECTED
    record(memory, Operation.REJECTED, actor=actor, reason=reason)


def clashes_of(memory: Memory) -> QuerySet[Relationship]:
    """Edges to the memories in use that a person compares it with, the surest first; `target` is loaded."""
    standing = memory.outgoing.filter(
        org_id=memory.org_id, kind__in=CLASHES, target__status=Status.ACTIVE, target__deleted_at=None
    )
    return standing.select_related("target").order_by("-confidence", "pk")


def hold_waiting(memory: Memory) -> None:
    """Hold a memory that waits for a decision. Raises Conflict when it does not wait any more."""
    hold(memory)
    if memory.status not in WAITING or memory.deleted_at is not None:
        raise Conflict("This memory is not waiting for a decision any more.")
