"""Mining a session: batch after batch, each with its memories, its excerpts and the pointer in one transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from agents.archives.reading import words_needed
from agents.models import Checkpoint, Session
from agents.services.privacy import pii_actions
from ibex.core import metrics
from ibex.core.errors import IbexError
from ibex.core.ids import uuid7
from ibex.core.logging import place_of
from ibex.core.queue import BrokenOff
from ibex.core.tenancy import scope
from memories import excerpts
from memories.choices import Category, Source
from memories.extraction import Candidate, Extractor, Turn
from memories.extraction.contract import STANDING_INSTRUCTION
from memories.extraction.substance import says_something
from memories.mining import claim
from memories.mining.acts import heeded, still_meant
from memories.mining.batch import Batch, next_batch
from memories.mining.extractors import extractor_for
from memories.refinement.draft import Draft, Outcome
from memories.refinement.pii import PiiPolicy, redact
from memories.refinement.pipeline import before_write, write_all

WORK_S = 20.0
"""After so long a task begins no further batch: with a model a batch may take as long again as the queue allows."""
TOO_LATE = "TaskTimeout"
"""Instead of an error, where the queue's time was up."""
ACTOR = "extraction"

_log = structlog.get_logger(__name__)


class ExtractionFailed(Exception):
    """Mining broke, and that could not be recorded either; the queue tries again. Its text says only what and where."""


def mine_session(org_id: UUID, session_id: UUID) -> None:
    """Mine the turns of a session that were not mined yet. Twice the same turn, no duplicate.

    A failure is counted, and tried again later or given up (`claim`). Raises ExtractionFailed where even that fails.
    """
    holder, until = uuid7(), time.monotonic() + WORK_S
    try:
        while (batch := next_batch(org_id, session_id, holder)) is not None:
            _mine(batch)
            if time.monotonic() >= until:
                claim.hand_over(org_id, session_id, holder)
                return
    except BrokenOff as late:
        _record(org_id, session_id, holder, late)
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: recorded by type, for a text may hold words of a turn
        _record(org_id, session_id, holder, error)


def _record(org_id: UUID, session_id: UUID, holder: UUID, error: Exception | BrokenOff) -> None:
    told = TOO_LATE if isinstance(error, BrokenOff) else _named(error)
    _log.warning("extraction_broke", org_id=str(org_id), session_id=str(session_id), error=told, at=place_of(error))
    try:
        claim.failed(org_id, session_id, holder, told)
    except Exception as second:  # noqa: BLE001 - the boundary: the queue keeps and logs what is raised
        metrics.EXTRACTED.labels(outcome="failed").inc()
        raise ExtractionFailed(f"{told} at {place_of(error)}, {type(second).__name__} at {place_of(second)}") from None


def _named(error: Exception) -> str:
    return error.code if isinstance(error, IbexError) else type(error).__name__


def _mine(batch: Batch) -> None:
    """Everything slow happens before the transaction; the pointer moves in the same one as the memories."""
    org_id = batch.session.org_id
    batch = replace(batch, earlier=words_needed(batch.earlier))
    people = dict.fromkeys(checkpoint.end_user for checkpoint in batch.learnable)
    extractors = {end_user: extractor_for(batch.agent, end_user) for end_user in people}
    found = [one for end_user, extractor in extractors.items() for one in _found(batch, end_user, extractor)]
    prepared = heeded([candidate for candidate, _ in found], before_write([draft for _, draft in found]))
    kept = excerpts.prepare(batch.learnable)
    with scope(org_id):
        session = Session.objects.of(org_id).select_for_update().get(pk=batch.session.pk)
        if session.last_extracted_turn != batch.pointer:
            metrics.EXTRACTED.labels(outcome="overtaken").inc()
            return
        outcomes = write_all(still_meant([candidate for candidate, _ in found], prepared))
        excerpts.keep(kept)
        session.last_extracted_turn = batch.last
        session.save(update_fields=["last_extracted_turn"])
    _tell(batch, outcomes)


def _found(batch: Batch, end_user: str, extractor: Extractor) -> list[tuple[Candidate, Draft]]:
    """What one end user's turns say: nobody confirms what was said to somebody else."""
    own = [checkpoint for checkpoint in batch.learnable if checkpoint.end_user == end_user]
    earlier = [checkpoint for checkpoint in batch.earlier if checkpoint.end_user == end_user]
    candidates = extractor.extract(
        [_turn(checkpoint) for checkpoint in own],
        injected=batch.injected,
        before=[_turn(checkpoint) for checkpoint in earlier],
    )
    policy = PiiPolicy(actions=pii_actions(batch.session.org_id))
    # What the user has just confirmed was said by the assistant in an earlier turn.
    places = {checkpoint.number: checkpoint for checkpoint in [*earlier, *own]}
    return [
        (candidate, replace(_draft(candidate, places[candidate.turn]), extractor=extractor.version))
        for candidate in candidates
        if candidate.turn in places and says_something(redact(candidate.content, policy).text)
    ]


def _tell(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    metrics.EXTRACTED.labels(outcome="learned" if outcomes else "nothing").inc()
    _log.info(
        "session_mined",
        org_id=str(batch.session.org_id),
        session_id=str(batch.session.pk),
        turns=len(batch.checkpoints),
        memories=len(outcomes),
    )


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
        actor=ACTOR,
    )
