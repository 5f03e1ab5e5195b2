"""Changing a memory that is there: an edit, or an earlier version's return, through the same steps as a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from ibex.core.errors import Conflict, NotFound
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Status
from memories.models import Memory, MemoryVersion
from memories.refinement import conflict, exact, near
from memories.refinement.conflict import Decision
from memories.refinement.draft import Draft, Outcome, Prepared, Result
from memories.refinement.neighbours import Neighbour, neighbours
from memories.refinement.pipeline import RESULTS, apply, before_write, standing_of
from memories.refinement.validate import check
from memories.store.write import Standing

UPDATED = "updated"
UNCHANGED = "nothing changed"
CHANGEABLE = frozenset(
    (
        "content", "category", "labels", "tags", "confidence", "valid_from", "valid_until", "expires_at", "is_pinned",
        "end_user", "metadata",
    )
)  # fmt: skip


def revise(org_id: UUID, memory_id: UUID, *, actor: str, **changes: Any) -> Outcome:
    """Change what a memory says; `changes` are fields of a Draft (CHANGEABLE). Opens its own transactions.

    The outcome is `created` for a plain edit, of which a version is kept where it changed anything, or what refinement
    found; a text that another memory has already changes nothing and is answered `duplicate_of` that one. Raises
    NotFound, InvalidRequest; Conflict while it is merged.
    """
    with scope(org_id):
        memory = _live(org_id, memory_id)
        if memory.status == Status.MERGED:
            raise Conflict("It is merged into another memory; undo the merge first.")
        draft = draft_of(memory, actor=actor)
    changed = replace(draft, **{name: value for name, value in changes.items() if name in CHANGEABLE})
    check(changed)
    [prepared] = before_write([changed])
    with scope(org_id):
        return _write(_held(org_id, memory_id), prepared)


def restore(org_id: UUID, memory_id: UUID, number: int, *, actor: str) -> Outcome:
    """Make version `number` the memory again, also when it was deleted. Opens its own transactions.

    Answered `duplicate_of` when another memory has its words by now. Raises NotFound; Conflict for a version without
    text, which is one that recorded a deletion, and for one that recorded a merge.
    """
    with scope(org_id):
        memory = Memory.objects.of(org_id).filter(pk=memory_id).first()
        version = MemoryVersion.objects.of(org_id).filter(memory_id=memory_id, number=number).first()
    if memory is None or version is None:
        raise NotFound
    if not version.snapshot.get("content"):
        raise Conflict("That version records the deletion; restore the one before it.")
    if version.snapshot["status"] == Status.MERGED:
        raise Conflict("That version records a merge; undo the merge instead.")
    draft = replace(
        draft_of(memory, actor=actor), content=version.snapshot["content"], end_user=version.snapshot["end_user"]
    )
    [prepared] = before_write([draft])
    with scope(org_id):
        held = _held(org_id, memory_id)
        if twin := _twin(held, prepared):
            return Outcome(result=Result.DUPLICATE_OF, memory_id=twin.pk, reason="the same words")
        store.restore(held, version, prepared, actor=actor)
        return Outcome(
            result=RESULTS.get(Status(held.status), Result.CREATED), memory_id=held.pk, reason=held.status_reason
        )


def _write(memory: Memory, prepared: Prepared) -> Outcome:
    if draft_of(memory, actor=prepared.draft.actor) == prepared.draft:
        return Outcome(result=Result.CREATED, memory_id=memory.pk, reason=UNCHANGED)
    if _same_text(memory, prepared):
        store.edit(memory, prepared, Standing(status=Status(memory.status), reason=memory.status_reason))
        return Outcome(result=Result.CREATED, memory_id=memory.pk, reason=UPDATED)
    if twin := _twin(memory, prepared):
        return Outcome(result=Result.DUPLICATE_OF, memory_id=twin.pk, reason="the same words")
    found = _others(memory, neighbours(prepared, quarantined=bool(prepared.doubts)))
    if same := near.find(prepared.draft, found, prepared.opinions):
        return Outcome(result=Result.DUPLICATE_OF, memory_id=same.memory.pk, reason=same.reason)
    decision = Decision() if prepared.doubts else conflict.decide(prepared.draft, found, prepared.opinions)
    store.edit(memory, prepared, standing_of(prepared, decision))
    apply(memory, decision, actor=prepared.draft.actor)
    return Outcome(
        result=RESULTS.get(Status(memory.status), Result.CREATED),
        memory_id=memory.pk,
        reason=memory.status_reason or UPDATED,
    )


def _same_text(memory: Memory, prepared: Prepared) -> bool:
    same_place = memory.end_user == prepared.draft.end_user
    return same_place and bytes(memory.content_hash) == prepared.content_hash


def _twin(memory: Memory, prepared: Prepared) -> Memory | None:
    twin = exact.find(prepared)
    return twin if twin is not None and twin.pk != memory.pk else None


def _others(memory: Memory, found: Sequence[Neighbour]) -> list[Neighbour]:
    return [neighbour for neighbour in found if neighbour.memory.pk != memory.pk]


def _live(org_id: UUID, memory_id: UUID) -> Memory:
    memory = Memory.objects.of(org_id).filter(pk=memory_id, deleted_at__isnull=True).first()
    if memory is None:
        raise NotFound
    return memory


def _held(org_id: UUID, memory_id: UUID) -> Memory:
    memory = Memory.objects.of(org_id).filter(pk=memory_id).first()
    if memory is None:
        raise NotFound
    store.hold(memory)
    return memory


def draft_of(memory: Memory, *, actor: str) -> Draft:
    """The memory as a draft: what an edit starts from."""
    return Draft(
        org_id=memory.org_id,
        agent_id=memory.agent_id,
        end_user=memory.end_user,
        content=memory.content,
        category=memory.category,
        labels=tuple((label["name"], label["confidence"]) for label in memory.labels),
        tags=tuple(memory.tags),
        source=memory.source,
        confidence=memory.confidence,
        valid_from=memory.valid_from,
        valid_until=memory.valid_until,
        observed_at=memory.observed_at,
        expires_at=memory.expires_at,
        subject=memory.subject,
        attribute=memory.attribute,
        is_pinned=memory.is_pinned,
        session_id=memory.session_id,
        checkpoint_id=memory.checkpoint_id,
        evidence=memory.evidence,
        extractor=memory.extractor,
        metadata=memory.metadata,
        actor=actor,
    )
