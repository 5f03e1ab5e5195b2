"""What a model says of pairs of memories. It is asked before the transaction opens, so an answer counts only for the
very version of the stored memory that it was given for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from memories.choices import Relation
from memories.models import Memory
from memories.refinement.claims import Judgement
from memories.refinement.guards import Difference
from memories.refinement.thresholds import CONFIDENT

Version = tuple[UUID, int]
"""A stored memory and the number of its version."""
SAMENESS_VETOES = frozenset(Difference) - {Difference.WORDS}
"""No model is believed that two texts say the same when they differ in one of these: only other words may."""
_SAYS_THE_SAME_VETOES = SAMENESS_VETOES - {Difference.NAMES}


class Verdict(StrEnum):
    """What the newer memory of a pair does to the older one."""

    SAME = "same"
    CONTRADICTS = "contradicts"
    SUPERSEDES = "supersedes"
    SPECIALIZES = "specializes"
    OVERLAPS = "overlaps"
    NONE = "none"


_VETOES: Mapping[Verdict, frozenset[Difference]] = {
    Verdict.SAME: SAMENESS_VETOES,
    Verdict.OVERLAPS: SAMENESS_VETOES,
    Verdict.SPECIALIZES: _SAYS_THE_SAME_VETOES,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """The model's answer for one pair; `confidence` from 0 to 1."""

    verdict: Verdict
    confidence: float
    reason: str

    @property
    def is_sure_of_the_same(self) -> bool:
        """Whether it may make one memory of two, where no guard says otherwise."""
        return self.verdict is Verdict.SAME and self.confidence > CONFIDENT

    def is_against(self, differs_in: Difference | None) -> bool:
        """Whether it claims a likeness that a guard, which looks at the words, has ruled out."""
        return differs_in in _VETOES.get(self.verdict, frozenset())

    def judgement(self) -> Judgement | None:
        """The same as the local classifier would put it; None when both may stand."""
        if self.verdict is Verdict.NONE:
            return None
        kind = Relation.OVERLAPS if self.verdict is Verdict.SAME else Relation(self.verdict.value)
        return Judgement(kind=kind, confidence=self.confidence, reason=self.reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinions:
    """What was answered about one draft, and which of the agent's two options it may be used for."""

    answers: Mapping[Version, Opinion] = field(default_factory=dict)
    on_duplicates: bool = False
    on_conflicts: bool = False

    def on_sameness(self, memory: Memory) -> Opinion | None:
        """Whether the draft says what `memory` says."""
        return self.answers.get((memory.pk, memory.version)) if self.on_duplicates else None

    def on_conflict(self, memory: Memory) -> Opinion | None:
        """What the newer of draft and `memory` does to the older."""
        return self.answers.get((memory.pk, memory.version)) if self.on_conflicts else None


NO_OPINIONS = Opinions()
