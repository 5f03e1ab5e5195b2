"""The two things that go with every change: its version, and the news of it for the desk."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from agents.services import audit
from ibex.core.errors import NotFound
from memories import desk
from memories.choices import Operation
from memories.models import Memory, MemoryVersion
from memories.store.lock import one_writer

REASON_MAX = 200
_COUNTED = {
    "usefulness",
    "retrieval_count",
    "injection_count",
    "answer_count",
    "used_count",
    "last_retrieved_at",
    "last_injected_at",
}
"""Moved by use and feedback while a memory is being written: never overwritten from a row that was read before."""
_SAYS_THE_SAME = {Operation.CREATED, Operation.BUMPED}
_AUDITED = ("operator:", "token:")
_WRITTEN = [
    field.name
    for field in Memory._meta.concrete_fields  # noqa: SLF001 - documented
    if not (field.primary_key or field.generated or field.name in _COUNTED)
]


def hold(memory: Memory) -> None:
    """Make `memory` the row as it is now, and keep others from writing it until this transaction ends.

    Raises NotFound when it was erased. The lock leaves the key alone: whoever writes a row that refers to the memory,
    such as an injection, does not wait for it.
    """
    one_writer(memory.org_id, memory.agent_id)
    try:
        memory.refresh_from_db(from_queryset=Memory.objects.of(memory.org_id).select_for_update(no_key=True))
    except Memory.DoesNotExist:
        raise NotFound from None


def record(memory: Memory, operation: Operation, *, actor: str, reason: str = "") -> MemoryVersion:
    """Save `memory` as its next version, inside the caller's transaction, and tell the desk when that commits.

    What a person or a program did is audited; what extraction did is not: its sessions tell.
    """
    if memory._state.adding:  # noqa: SLF001 - Django's documented way to know an unsaved row
        memory.save()
    else:
        memory.version += 1
        unread = memory.get_deferred_fields()
        memory.save(update_fields=[name for name in _WRITTEN if name not in unread])
    version = MemoryVersion.objects.create(
        org_id=memory.org_id,
        memory=memory,
        number=memory.version,
        operation=operation,
        actor=actor,
        reason=reason[:REASON_MAX],
        snapshot=snapshot(memory),
    )
    if actor.startswith(_AUDITED):
        audit.record(org_id=memory.org_id, actor=actor, action=f"memory.{operation}", obj=memory)
    desk_hears(memory, is_other=operation not in _SAYS_THE_SAME)
    return version


def snapshot(memory: Memory) -> dict[str, Any]:
    """What a version keeps, as JSON: enough to restore the memory as it stood."""
    return {
        "content": memory.content,
        "category": memory.category,
        "labels": memory.labels,
        "tags": memory.tags,
        "source": memory.source,
        "status": memory.status,
        "status_reason": memory.status_reason,
        "confidence": memory.confidence,
        "is_pinned": memory.is_pinned,
        "by_operator": memory.by_operator,
        "subject": memory.subject,
        "attribute": memory.attribute,
        "valid_from": _iso(memory.valid_from),
        "valid_until": _iso(memory.valid_until),
        "observed_at": _iso(memory.observed_at),
        "expires_at": _iso(memory.expires_at),
        "end_user": memory.end_user,
        "evidence": memory.evidence,
        "proof_count": memory.proof_count,
        "metadata": memory.metadata,
    }


def desk_hears(memory: Memory, *, is_other: bool = True) -> None:
    """Once this commits, the desk shows the memory as it is now, or no longer shows it."""
    if desk.is_lasting(memory):
        transaction.on_commit(lambda: desk.put(memory, is_other=is_other), robust=True)
    else:
        leaves_desk(memory)


def leaves_desk(memory: Memory) -> None:
    """Once this commits, the desk of the end user it has now no longer shows the memory."""
    place, version = (memory.org_id, memory.agent_id, memory.pk, memory.end_user), memory.version
    transaction.on_commit(lambda: desk.drop(*place, version=version), robust=True)


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
