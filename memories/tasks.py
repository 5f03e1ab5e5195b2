"""What workers do: mine turns for memories, and build the indexes of large agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import structlog

from agents.models import Checkpoint, Session
from ibex.core import metrics
from ibex.core.logging import place_of
from ibex.core.tenancy import scope
from memories import excerpts, slots
from memories.choices import Category, Source
from memories.extraction import Candidate, Extractor, LocalExtractor, Turn
from memories.extraction.contract import EARLIER_TURNS, STANDING_INSTRUCTION
from memories.models import Memory
from memories.refinement.draft import Draft, Outcome
from memories.refinement.pipeline import before_write, write_all
from memories.retrieval import indexes

TURNS_AT_ONCE = 20
"""Turns of one session that are mined in one transaction."""
ACTOR = "extraction"

_log = structlog.get_logger(__name__)


class ExtractionFailed(Exception):
    """A task broke; its text says what and where, and nothing of what was said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """Turns of a session that wait to be mined. `pointer`: the last mined one, as it stood when they were read."""

    session: Session
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


def extract_session(org_id: str, session_id: str) -> None:
    """Mine the turns of a session that were not mined yet. Twice the same turn, no duplicate.

    Safe beside other workers: one that was overtaken reads again. Any failure is raised, so that the queue tries again.
    """
    org, session = UUID(org_id), UUID(session_id)
    try:
        while (pending := _pending(org, session)) is not None:
            _mine(org, pending)
    except Exception as error:  # noqa: BLE001 - the queue keeps and logs what is raised: it must hold nothing of a turn
        metrics.EXTRACTED.labels(outcome="failed").inc()
        raise ExtractionFailed(f"{type(error).__name__} at {place_of(error)}") from None


def index_agent(kind: str, agent_id: str) -> None:
    """Build the vector indexes of one large agent."""
    for slot in slots.in_use():
        indexes.build(kind, UUID(agent_id), slot)


def _pending(org_id: UUID, session_id: UUID) -> Pending | None:
    with scope(org_id):
        session = Session.objects.of(org_id).filter(pk=session_id).first()
        if session is None:
            return None
        turns = Checkpoint.objects.of(org_id).filter(session_id=session_id).order_by("number")
        pointer = session.last_extracted_turn
        waiting = list(turns.filter(number__gt=pointer)[:TURNS_AT_ONCE])
        if not waiting:
            return None
        mined = turns.filter(number__lte=pointer, may_learn=True, is_complete=True).order_by("-number")
        earlier = list(reversed(mined[:EARLIER_TURNS]))
        return Pending(
            session=session,
            pointer=pointer,
            checkpoints=waiting,
            earlier=earlier,
            injected=_injected(org_id, [checkpoint.turn_id for checkpoint in [*earlier, *waiting]]),
        )


def _mine(org_id: UUID, pending: Pending) -> None:
    """Everything slow happens before the transaction; the pointer moves in the same one as the memories."""
    people = dict.fromkeys(checkpoint.end_user for checkpoint in pending.learnable)
    prepared = before_write([draft for end_user in people for draft in _drafts(pending, end_user)])
    kept = excerpts.prepare(pending.learnable)
    with scope(org_id):
        session = Session.objects.of(org_id).select_for_update().get(pk=pending.session.pk)
        if session.last_extracted_turn != pending.pointer:
            metrics.EXTRACTED.labels(outcome="overtaken").inc()
            return
        outcomes = write_all(prepared)
        excerpts.keep(kept)
        session.last_extracted_turn = pending.last
        session.save(update_fields=["last_extracted_turn"])
    _tell(pending, outcomes)


def _drafts(pending: Pending, end_user: str) -> list[Draft]:
    """What one end user's turns say: nobody confirms what was said to somebody else."""
    own = [checkpoint for checkpoint in pending.learnable if checkpoint.end_user == end_user]
    earlier = [checkpoint for checkpoint in pending.earlier if checkpoint.end_user == end_user]
    candidates = extractor().extract(
        [_turn(checkpoint) for checkpoint in own],
        injected=pending.injected,
        before=[_turn(checkpoint) for checkpoint in earlier],
    )
    # What the user has just confirmed was said by the assistant in an earlier turn.
    places = {checkpoint.number: checkpoint for checkpoint in [*earlier, *own]}
    return [_draft(candidate, places[candidate.turn]) for candidate in candidates if candidate.turn in places]


def _tell(pending: Pending, outcomes: Sequence[Outcome]) -> None:
    metrics.EXTRACTED.labels(outcome="learned" if outcomes else "nothing").inc()
    _log.info(
        "session_mined",
        org_id=str(pending.session.org_id),
        session_id=str(pending.session.pk),
        turns=len(pending.checkpoints),
        memories=len(outcomes),
    )


@lru_cache(maxsize=1)
def extractor() -> Extractor:
    """The process's extractor."""
    return LocalExtractor()


def _injected(org_id: UUID, turn_ids: Sequence[UUID]) -> list[str]:
    """What these turns' prompts held: never learned again when the model echoes it."""
    packed = Memory.objects.of(org_id).filter(injections__turn_id__in=turn_ids, injections__is_packed=True)
    return list(packed.exclude(content="").values_list("content", flat=True).distinct())


def _turn(checkpoint: Checkpoint) -> Turn:
    return Turn(
        number=checkpoint.number,
        said_at=checkpoint.said_at,
        user_text=checkpoint.user_text,
        assistant_text=checkpoint.assistant_text,
        speaker=excerpts.speaker_of(checkpoint),
        end_user=checkpoint.end_user,
    )


def _draft(candidate: Candidate, checkpoint: Checkpoint) -> Draft:
    is_order = candidate.category == Category.PROCEDURAL and candidate.attribute == STANDING_INSTRUCTION
    return Draft(
        org_id=checkpoint.org_id,
        agent_id=checkpoint.agent_id,
        end_user=checkpoint.end_user,
        content=candidate.content,
        category=candidate.category,
        labels=tuple((label.name, label.confidence) for label in candidate.labels),
        source=Source.EXTRACTED,
        confidence=candidate.confidence,
        valid_from=candidate.valid_from,
        valid_until=candidate.valid_until,
        observed_at=checkpoint.said_at,
        subject=candidate.subject,
        attribute=candidate.attribute,
        is_pinned=is_order,
        session_id=checkpoint.session_id,
        checkpoint_id=checkpoint.pk,
        evidence=candidate.evidence,
        extractor=extractor().version,
        actor=ACTOR,
    )
