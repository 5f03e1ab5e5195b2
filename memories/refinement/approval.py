"""A waiting memory in better words, decided about in one step: what a person writes and approves is in use at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from ibex.core.errors import NotFound
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Status
from memories.models import Memory
from memories.refinement import conflict, exact, near
from memories.refinement.conflict import Decision
from memories.refinement.draft import Outcome, Prepared, Result
from memories.refinement.neighbours import neighbours
from memories.refinement.pipeline import apply, before_write
from memories.refinement.revision import CHANGEABLE, draft_of
from memories.refinement.validate import check
from memories.store.review import CLASHES, clashes_of, hold_waiting
from memories.store.write import Standing

APPROVED = "approved"


def approve_edited(org_id: UUID, memory_id: UUID, *, actor: str, **changes: Any) -> Outcome:
    """Change what a waiting memory says, as `revise` does, and approve it. Opens its own transactions.

    `created`: it is in use, and what it clashes with gives way to it. `duplicate_of`: another memory says this already,
    and nothing was changed. `pending_review`: in its new words it clashes with a memory that it was not compared with
    before; it waits for that decision. Raises NotFound, InvalidRequest; Conflict when it does not wait any more.
    """
    with scope(org_id):
        memory = Memory.objects.of(org_id).filter(pk=memory_id, deleted_at__isnull=True).first()
        if memory is None:
            raise NotFound
        draft = draft_of(memory, actor=actor)
    changed = replace(draft, **{name: value for name, value in changes.items() if name in CHANGEABLE})
    check(changed)
    [prepared] = before_write([changed])
    with scope(org_id):
        hold_waiting(memory)
        return _write(memory, prepared)


def _write(memory: Memory, prepared: Prepared) -> Outcome:
    if bytes(memory.content_hash) == prepared.content_hash and memory.end_user == prepared.draft.end_user:
        return _approved(memory, prepared)
    twin = exact.find(prepared)
    if twin is not None and twin.pk != memory.pk:
        return Outcome(result=Result.DUPLICATE_OF, memory_id=twin.pk, reason="the same words")
    found = [one for one in neighbours(prepared, quarantined=False) if one.memory.pk != memory.pk]
    if same := near.find(prepared.draft, found, prepared.opinions):
        return Outcome(result=Result.DUPLICATE_OF, memory_id=same.memory.pk, reason=f"cosine {same.cosine:.2f}")
    decision = conflict.decide(prepared.draft, found, prepared.opinions)
    compared = set(clashes_of(memory).values_list("target_id", flat=True))
    doubt = _doubt(decision, compared)
    # The edges speak of the old words.
    memory.outgoing.filter(org_id=memory.org_id, kind__in=CLASHES).delete()
    if doubt:
        store.edit(memory, prepared, Standing(status=Status.PENDING_REVIEW, reason=doubt))
        apply(memory, decision, actor=prepared.draft.actor)
        return Outcome(result=Result.PENDING_REVIEW, memory_id=memory.pk, reason=doubt)
    apply(memory, decision, actor=prepared.draft.actor)
    return _approved(memory, prepared)


def _approved(memory: Memory, prepared: Prepared) -> Outcome:
    store.edit(memory, prepared, Standing(status=Status(memory.status), reason=memory.status_reason))
    store.approve(memory, actor=prepared.draft.actor)
    return Outcome(result=Result.CREATED, memory_id=memory.pk, reason=APPROVED)


def _doubt(decision: Decision, compared: set[UUID]) -> str:
    """Why a person must look again: what the new words clash with is not what they were shown."""
    unseen = [one for one in decision.unsure if one.memory.pk not in compared]
    return unseen[0].judgement.reason if unseen else ""
