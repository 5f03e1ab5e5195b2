"""Making memories, and changing what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from memories.choices import Operation, Source, Status
from memories.models import Memory
from memories.refinement.draft import Draft, Prepared
from memories.store.record import REASON_MAX, hold, record

PROOF_GAIN = 0.1
"""Of what is missing to certainty, how much each repetition adds to a memory's confidence."""
CONFIDENCE_MAX = 0.99
"""What is only said often is never as sure as what was written by hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The status a memory is written with, and why."""

    status: Status = Status.ACTIVE
    reason: str = ""


def create(prepared: Prepared, standing: Standing) -> Memory | None:
    """A new memory, version 1; None when the same words were stored in between by a writer without the agent's lock."""
    memory = new(prepared, standing)
    try:
        with transaction.atomic():
            record(memory, Operation.CREATED, actor=prepared.draft.actor, reason=standing.reason)
    except IntegrityError as error:
        if "memories_memory_exact" in str(error):
            return None
        raise
    return memory


def new(prepared: Prepared, standing: Standing) -> Memory:
    """A row that is not saved yet."""
    draft = prepared.draft
    return Memory(
        org_id=draft.org_id,
        agent_id=draft.agent_id,
        end_user=draft.end_user,
        category=draft.category,
        labels=labels_json(draft),
        tags=list(draft.tags),
        source=draft.source,
        status=standing.status,
        status_reason=standing.reason[:REASON_MAX],
        confidence=draft.confidence,
        is_pinned=draft.is_pinned,
        subject=draft.subject,
        attribute=draft.attribute,
        valid_from=draft.valid_from,
        valid_until=draft.valid_until,
        observed_at=draft.observed_at,
        expires_at=draft.expires_at,
        session_id=draft.session_id,
        checkpoint_id=draft.checkpoint_id,
        evidence=draft.evidence,
        extractor=draft.extractor,
        metadata=draft.metadata,
        **_text(prepared),
    )


def bump(memory: Memory, prepared: Prepared) -> None:
    """It was said again: one proof more, seen now, a little surer."""
    prove(memory, prepared.draft)
    record(memory, Operation.BUMPED, actor=prepared.draft.actor, reason=said_in(prepared.draft))


def set_tags(memory: Memory, tags: list[str], *, actor: str) -> None:
    """Replace the tags."""
    hold(memory)
    memory.tags = list(dict.fromkeys(tags))
    record(memory, Operation.UPDATED, actor=actor, reason="tags")


def labels_json(draft: Draft) -> list[dict[str, Any]]:
    """Labels as the column keeps them."""
    return [{"name": name, "confidence": confidence} for name, confidence in draft.labels]


def prove(memory: Memory, draft: Draft) -> None:
    """One proof more, not saved yet."""
    memory.proof_count += 1
    memory.observed_at = max(memory.observed_at, min(draft.observed_at, timezone.now()))
    if memory.confidence < CONFIDENCE_MAX:
        surer = memory.confidence + (1 - memory.confidence) * PROOF_GAIN * draft.confidence
        memory.confidence = min(CONFIDENCE_MAX, surer)


def write_text(memory: Memory, prepared: Prepared) -> None:
    """Another text in the row, with its hash and vector; not saved yet."""
    set_fields(memory, _text(prepared))


def set_fields(memory: Memory, fields: Mapping[str, Any]) -> None:
    """Values in the row, by the names of its fields; not saved yet."""
    for name, value in fields.items():
        setattr(memory, name, value)


def _text(prepared: Prepared) -> dict[str, Any]:
    return {
        "content": prepared.draft.content,
        "content_hash": prepared.content_hash,
        "tokens": prepared.tokens,
        "by_operator": _is_by_operator(prepared.draft),
        **prepared.slot.fields(prepared.embedding),
    }


def _is_by_operator(draft: Draft) -> bool:
    """Whether a signed-in operator wrote these words. Whatever writes other words into the row says so anew, so that no
    text from anywhere else is ever taken for the operator's.
    """
    return draft.source == Source.USER_PROVIDED and draft.actor.startswith("operator:")


def said_in(draft: Draft) -> str:
    """Where it was said, for a version's reason."""
    return f"said again in session {draft.session_id}" if draft.session_id else ""
