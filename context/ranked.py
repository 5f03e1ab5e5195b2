"""Candidates in their order, and their lines in the receipt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from context.injectable import Injectable
from context.score import Components
from context.values import Arm, Candidate, Considered, Reason

LEFT_OUT_KEPT = 20
"""Of those left out, how many a receipt names, best first: 50 rows a call would be most of the vault's writes."""
SCORE_DIGITS = 6
"""Of a score, in a receipt."""


class Ranked(NamedTuple):
    """A candidate with its score; `tokens` are those of its whole element. Its rank, from 1, is its name in one call.
    A tuple: each call makes a hundred, and looks at each ten times.
    """

    candidate: Candidate
    memory: Injectable
    relevance: float
    is_excerpt: bool
    components: Components
    score: float
    rank: int
    tokens: int
    hot_rank: int | None = None
    """Its place among the hot memories, by what it is worth whatever the question."""

    @property
    def id(self) -> UUID:
        return self.memory.id


LeftOut = dict[int, Reason]
"""Why a candidate is not shown, by its rank."""


def receipt(
    ranked: Sequence[Ranked], pinned: Collection[int], left_out: LeftOut, shown: Collection[int]
) -> tuple[Considered, ...]:
    """The lines of all that are shown and of the best that are not; `pinned` and `shown` are ranks."""
    lines, omitted = [], 0
    for item in ranked:
        rank = item.rank
        reason = left_out.get(rank)
        if reason is not None:
            omitted += 1
            if omitted > LEFT_OUT_KEPT:
                continue
        candidate, memory, is_excerpt = item.candidate, item.memory, item.is_excerpt
        line = Considered(
            None if is_excerpt else memory.id,
            memory.version,
            rank,
            round(item.score, SCORE_DIGITS),
            item.components,
            Arm.REPLAYED if rank in shown else Arm.PINNED if rank in pinned else candidate.arm,
            item.tokens,
            reason is None,
            reason or "",
            candidate.vector_rank,
            candidate.word_rank,
            item.hot_rank,
            memory.id if is_excerpt else None,
        )
        lines.append(line)
    return tuple(lines)
