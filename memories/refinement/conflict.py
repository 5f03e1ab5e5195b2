"""Step 6: whether a draft changes what is known already, and what to do about it. Nothing is silently overwritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from memories.choices import Source
from memories.models import Memory
from memories.refinement.claims import Claim, Judgement
from memories.refinement.draft import Draft
from memories.refinement.judge import judge
from memories.refinement.neighbours import Neighbour
from memories.refinement.thresholds import CONFIDENT, WORTH_ASKING

RETIRED_AT_ONCE = 3
"""One write that would retire more memories is an error or an attack until a person says otherwise."""
HAND_WRITTEN = 0.7
"""The most that extraction is trusted against what a person wrote by hand or pinned."""

Classifier = Callable[[Claim, Claim, float], Judgement | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """A stored memory that the draft does not leave as it is."""

    memory: Memory
    judgement: Judgement


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What step 6 found: memories that give way to the draft, those it gives way to, those a person must compare."""

    supersedes: tuple[Conflict, ...] = ()
    outdated_by: tuple[Conflict, ...] = ()
    unsure: tuple[Conflict, ...] = ()

    @property
    def doubt(self) -> str:
        """Why the draft waits for a person; empty when it does not."""
        return self.unsure[0].judgement.reason if self.unsure else ""


def decide(draft: Draft, found: Sequence[Neighbour], classify: Classifier = judge) -> Decision:
    """Compare `draft` with the ten nearest memories. Of two claims, the one learned later is the newer."""
    supersedes, outdated_by, unsure = [], [], []
    for neighbour in found:
        memory = neighbour.memory
        is_newer = _time_of(draft) >= _time_of(memory)
        newer, older = (_claim(draft), _claim(memory)) if is_newer else (_claim(memory), _claim(draft))
        judgement = classify(newer, older, neighbour.cosine)
        if judgement is None or judgement.confidence < WORTH_ASKING:
            continue
        conflict = Conflict(memory=memory, judgement=judgement)
        if _trusted(judgement, draft, memory) <= CONFIDENT:
            unsure.append(conflict)
        elif is_newer:
            supersedes.append(conflict)
        else:
            outdated_by.append(conflict)
    if len(supersedes) > RETIRED_AT_ONCE:
        return Decision(outdated_by=tuple(outdated_by), unsure=(*supersedes, *unsure))
    return Decision(supersedes=tuple(supersedes), outdated_by=tuple(outdated_by), unsure=tuple(unsure))


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
