"""What becomes of a memory that is there: edited, superseded, deleted, restored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from memories.choices import Operation, Relation, Status
from memories.models import Memory, MemoryVersion
from memories.refinement.draft import Prepared
from memories.refinement.guards import difference
from memories.slots import NO_VECTORS
from memories.store.edges import connect
from memories.store.merging import release, retire_merged
from memories.store.record import REASON_MAX, hold, leaves_desk, record
from memories.store.write import Standing, labels_json, set_fields, write_text


def edit(memory: Memory, prepared: Prepared, standing: Standing) -> None:
    """Everything a person may change, as the prepared draft has it, while the caller holds the memory."""
    draft = prepared.draft
    if draft.end_user != memory.end_user:
        leaves_desk(memory)
    if difference(memory.content, draft.content) is not None:
        retire_merged(memory, actor=draft.actor)
    write_text(memory, prepared)
    memory.category = draft.category
    memory.labels = labels_json(draft)
    memory.tags = list(draft.tags)
    memory.confidence = draft.confidence
    memory.is_pinned = draft.is_pinned
    memory.valid_from, memory.valid_until = draft.valid_from, draft.valid_until
    memory.expires_at = draft.expires_at
    memory.end_user = draft.end_user
    memory.metadata = draft.metadata
    memory.status, memory.status_reason = standing.status, standing.reason[:REASON_MAX]
    record(memory, Operation.UPDATED, actor=draft.actor, reason=standing.reason)


def supersede(older: Memory, newer: Memory, kind: Relation, *, confidence: float, reason: str, actor: str) -> None:
    """`newer` takes the place of `older`, whose version and edge say why. Nothing of it is lost."""
    older.status = Status.SUPERSEDED
    older.status_reason = reason[:REASON_MAX]
    if newer.valid_from and (older.valid_until is None or older.valid_until > newer.valid_from):
        older.valid_until = max(newer.valid_from, older.valid_from or newer.valid_from)
    record(older, Operation.SUPERSEDED, actor=actor, reason=f"{reason} (by {newer.pk})")
    connect(newer, kind, older, confidence=confidence, reason=reason)


def delete(memory: Memory, *, actor: str, reason: str = "") -> None:
    """Take a memory out of every list and search. Its words leave the row; their hash stays, so that extraction
    does not learn them again. Its versions keep it restorable until it is erased. What was merged into it says the same
    in other words, and goes with it.
    """
    hold(memory)
    if memory.deleted_at is not None:
        return
    for gone in memory.merged.filter(deleted_at__isnull=True):
        delete(gone, actor=actor, reason=reason)
    memory.deleted_at = timezone.now()
    memory.content = memory.evidence = ""
    memory.metadata = {}
    memory.tokens = 0
    set_fields(memory, NO_VECTORS)
    record(memory, Operation.DELETED, actor=actor, reason=reason)


def delete_many(memories: Iterable[Memory], *, actor: str, reason: str = "") -> int:
    """Delete each; how many there were."""
    count = 0
    for memory in memories:
        delete(memory, actor=actor, reason=reason)
        count += 1
    return count


def restore(memory: Memory, version: MemoryVersion, prepared: Prepared, *, actor: str) -> None:
    """The memory as `version` has it, while the caller holds it. `prepared`: that text, hashed and embedded."""
    kept = version.snapshot
    if kept["end_user"] != memory.end_user:
        leaves_desk(memory)
    if memory.merged_into_id is not None:
        release(memory, actor=actor)
    if difference(memory.content, prepared.draft.content) is not None:
        retire_merged(memory, actor=actor)
    for name in (
        "category",
        "labels",
        "tags",
        "confidence",
        "is_pinned",
        "subject",
        "attribute",
        "metadata",
        "end_user",
    ):
        setattr(memory, name, kept[name])
    for name in ("valid_from", "valid_until", "expires_at"):
        setattr(memory, name, _moment(kept.get(name)))
    memory.status, memory.status_reason = kept["status"], kept.get("status_reason", "")
    memory.evidence = kept.get("evidence", "")
    write_text(memory, prepared)
    memory.deleted_at = None
    record(memory, Operation.RESTORED, actor=actor, reason=f"as in version {version.number}")


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
