"""Step 5: other words that say the same."""

from __future__ import annotations

from collections.abc import Sequence

from memories.refinement.draft import Draft
from memories.refinement.guards import difference
from memories.refinement.neighbours import Neighbour
from memories.refinement.thresholds import NEAR


def find(draft: Draft, found: Sequence[Neighbour]) -> Neighbour | None:
    """The nearest memory that says what the draft says, or None."""
    same = [one for one in found if one.cosine > NEAR and difference(draft.content, one.memory.content) is None]
    return max(same, key=lambda one: one.cosine, default=None)


def is_richer(text: str, than: str) -> bool:
    """Whether `text` tells more, and so is the one to keep of two that say the same."""
    return len(text) > len(than)
