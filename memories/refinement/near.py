"""Step 5: other words that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memories.models import Memory
from memories.refinement.draft import Draft
from memories.refinement.guards import difference
from memories.refinement.neighbours import Neighbour
from memories.refinement.opinions import NO_OPINIONS, Opinions
from memories.refinement.thresholds import NEAR, SEMANTIC


@dataclass(frozen=True, kw_only=True, slots=True)
class Same:
    """A memory that says what the draft says, and how that was found."""

    memory: Memory
    cosine: float
    reason: str


def find(draft: Draft, found: Sequence[Neighbour], opinions: Opinions = NO_OPINIONS) -> Same | None:
    """The nearest memory that says what the draft says, or None. `opinions`: the model's, where the agent asks one."""
    same = [one for neighbour in found if (one := _same(draft, neighbour, opinions)) is not None]
    return max(same, key=lambda one: one.cosine, default=None)


def is_plainly_same(draft: Draft, neighbour: Neighbour) -> bool:
    """Whether vectors and words agree, so that nobody need be asked."""
    return neighbour.cosine > NEAR and difference(draft.content, neighbour.memory.content) is None


def is_richer(text: str, than: str) -> bool:
    """Whether `text` tells more, and so is the one to keep of two that say the same."""
    return len(text) > len(than)


def _same(draft: Draft, neighbour: Neighbour, opinions: Opinions) -> Same | None:
    memory, cosine = neighbour.memory, neighbour.cosine
    if is_plainly_same(draft, neighbour):
        return Same(memory=memory, cosine=cosine, reason=f"cosine {cosine:.2f}")
    opinion = opinions.on_sameness(memory)
    if opinion is None or not opinion.is_sure_of_the_same or cosine < SEMANTIC:
        return None
    if opinion.is_against(difference(draft.content, memory.content)):
        return None
    return Same(memory=memory, cosine=cosine, reason=f"cosine {cosine:.2f}, and {opinion.reason}")
