"""What a person decides about a quarantined, conflicting or unsure memory."""

from __future__ import annotations

from ibex.core.errors import Conflict
from memories.choices import Operation, Relation, Status
from memories.models import Memory
from memories.store.life import supersede
from memories.store.record import hold, record

REJECTED = "rejected"
"""How the `status_reason` of a memory begins that a person refused."""
WAITING = (Status.QUARANTINED, Status.PENDING_REVIEW)
CLASHES = (Relation.CONTRADICTS, Relation.SUPERSEDES, Relation.SPECIALIZES, Relation.OVERLAPS)


def approve(memory: Memory, *, actor: str) -> list[Memory]:
    """Let a waiting memory into prompts. What it was found to clash with gives way to it; returns those memories.

    Raises Conflict when it does not wait any more.
    """
    _waiting(memory)
    memory.status, memory.status_reason = Status.ACTIVE, ""
    record(memory, Operation.APPROVED, actor=actor)
    retired = []
    for edge in memory.outgoing.filter(kind__in=CLASHES).select_related("target"):
        if edge.target.status == Status.ACTIVE and edge.target.deleted_at is None:
            kind = Relation(edge.kind)
            supersede(edge.target, memory, kind, confidence=1.0, reason=edge.reason or "approved", actor=actor)
            retired.append(edge.target)
    return retired


def reject(memory: Memory, *, actor: str, reason: str = "") -> None:
    """Put a waiting memory away; extraction does not learn it again. Raises Conflict when it does not wait any more."""
    _waiting(memory)
    memory.status = Status.ARCHIVED
    memory.status_reason = f"{REJECTED}: {reason}" if reason else REJECTED
    record(memory, Operation.REJECTED, actor=actor, reason=reason)


def _waiting(memory: Memory) -> None:
    hold(memory)
    if memory.status not in WAITING or memory.deleted_at is not None:
        raise Conflict("This memory is not waiting for a decision any more.")
