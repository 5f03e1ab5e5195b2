"""Step 6: whether a draft changes what is known already, and what to do about it. Nothing is silently overwritten.

Code compares the dates and decides who is the newer one; a classifier only says what the newer one does to the older:
the model's opinion where the agent asks one and it is still valid, else the rules of `judge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from memories.choices import Source
from memories.models import Memory
from memories.refinement.claims import Claim, Judgement
from memories.refinement.draft import Draft
from memories.refinement.guards import difference
from memories.refinement.judge import by_intervals, judge
from memories.refinement.neighbours import Neighbour
from memories.refinement.opinions import NO_OPINIONS, Opinions
from memories.refinement.retirement import bounded
from memories.refinement.thresholds import CONFIDENT, WORTH_ASKING
from memories.refinement.verdicts import Conflict, Decision

HAND_WRITTEN = 0.7
"""The most that extraction is trusted against what a person wrote by hand or pinned."""


def decide(draft: Draft, found: Sequence[Neighbour], opinions: Opinions = NO_OPINIONS) -> Decision:
    """Compare `draft` with the ten nearest memories. Of two claims, the one learned later is the newer."""
    supersedes, outdated_by, unsure = [], [], []
    for neighbour in found:
        memory = neighbour.memory
        judgement = _judgement(draft, neighbour, opinions)
        if judgement is None or judgement.confidence < WORTH_ASKING:
            continue
        conflict = Conflict(memory=memory, judgement=judgement)
        if _trusted(judgement, draft, memory) <= CONFIDENT:
            unsure.append(conflict)
        elif is_newer(draft, memory):
            supersedes.append(conflict)
        else:
            outdated_by.append(conflict)
    decision = Decision(supersedes=tuple(supersedes), outdated_by=tuple(outdated_by), unsure=tuple(unsure))
    return bounded(draft, decision)


def is_newer(draft: Draft, memory: Memory) -> bool:
    """Whether the draft speaks of a later time, or of the same and was learned later."""
    return _time_of(draft) >= _time_of(memory)


def in_order(draft: Draft, memory: Memory) -> tuple[Claim, Claim]:
    """Both as claims, the newer one first."""
    new, old = _claim(draft), _claim(memory)
    return (new, old) if is_newer(draft, memory) else (old, new)


def _judgement(draft: Draft, neighbour: Neighbour, opinions: Opinions) -> Judgement | None:
    newer, older = in_order(draft, neighbour.memory)
    if settled := by_intervals(newer, older, neighbour.cosine):
        return settled
    opinion = opinions.on_conflict(neighbour.memory)
    if opinion is None or opinion.is_against(difference(newer.content, older.content)):
        return judge(newer, older, neighbour.cosine)
    return opinion.judgement()


def _trusted(judgement: Judgement, draft: Draft, memory: Memory) -> float:
    by_hand = memory.source == Source.USER_PROVIDED or memory.is_pinned
    if by_hand and draft.source in (Source.EXTRACTED, Source.INFERRED):
        return min(judgement.confidence, HAND_WRITTEN)
    return judgement.confidence


def _time_of(one: Draft | Memory) -> datetime:
    return one.valid_from or one.observed_at


def _claim(one: Draft | Memory) -> Claim:
    return Claim(
        content=one.content,
        category=one.category,
        subject=one.subject,
        attribute=one.attribute,
        valid_from=one.valid_from,
        valid_until=one.valid_until,
    )


__all__ = ["Conflict", "Decision", "decide", "in_order", "is_newer"]
