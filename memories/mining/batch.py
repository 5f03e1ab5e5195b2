"""The turns of a session that a task mines at once, and what it has to know beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from agents.choices import SessionStatus
from agents.models import Agent, Checkpoint, Session
from agents.services.sessions import ARCHIVE_TASK
from ibex.core.queue import enqueue
from ibex.core.tenancy import scope
from memories.extraction.contract import EARLIER_TURNS
from memories.mining import claim
from memories.models import Memory

TURNS_AT_ONCE = 20
"""Turns of one session that are mined in one transaction."""
TURNS_AT_ONCE_BY_MODEL = 6
"""Fewer, where each window of them waits for a model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Turns that wait to be mined. `pointer`: the last mined one, as it stood when they were read."""

    session: Session
    agent: Agent
    pointer: int
    checkpoints: Sequence[Checkpoint]
    earlier: Sequence[Checkpoint]
    injected: Sequence[str]

    @property
    def last(self) -> int:
        """Where the pointer stands once these are mined."""
        return self.checkpoints[-1].number

    @property
    def learnable(self) -> list[Checkpoint]:
        """Those that the caller saw finished and lets us learn from."""
        return [checkpoint for checkpoint in self.checkpoints if checkpoint.may_learn and checkpoint.is_complete]


def next_batch(org_id: UUID, session_id: UUID, holder: UUID) -> Batch | None:
    """The session's next turns, claimed for `holder`; None when there are none, or another task sees to them."""
    with scope(org_id):
        session = Session.objects.of(org_id).select_related("agent").filter(pk=session_id).first()
        row = claim.hold(session, holder) if session else None
        if session is None or row is None:
            return None
        # Only now: who has removed a claim must have looked for turns after everybody else's were there to be seen.
        session.refresh_from_db(fields=["last_extracted_turn", "status"])
        turns = Checkpoint.objects.of(org_id).filter(session_id=session_id).order_by("number")
        pointer = session.last_extracted_turn
        at_once = TURNS_AT_ONCE_BY_MODEL if session.agent.extraction_model.strip() else TURNS_AT_ONCE
        waiting = list(turns.filter(number__gt=pointer)[:at_once])
        if not waiting:
            claim.finished(row)
            if session.status != SessionStatus.ACTIVE:
                enqueue(ARCHIVE_TASK, str(org_id), str(session_id), group=str(session_id))
            return None
        mined = turns.filter(number__lte=pointer, may_learn=True, is_complete=True).order_by("-number")
        earlier = list(reversed(mined[:EARLIER_TURNS]))
        return Batch(
            session=session,
            agent=session.agent,
            pointer=pointer,
            checkpoints=waiting,
            earlier=earlier,
            injected=_injected(org_id, [checkpoint.turn_id for checkpoint in [*earlier, *waiting]]),
        )


def _injected(org_id: UUID, turn_ids: Sequence[UUID]) -> list[str]:
    """What these turns' prompts held: never learned again when the model echoes it."""
    packed = Memory.objects.of(org_id).filter(injections__turn_id__in=turn_ids, injections__is_packed=True)
    return list(packed.exclude(content="").values_list("content", flat=True).distinct())
