"""From candidates to the few that are shown: scored, gated, packed, and each with its reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from context.desk_read import HotMemory
from context.pack import pack
from context.render import element_tokens
from context.score import HALF_LIVES_DAYS, WEIGHTS, Components, components
from context.shown import KEPT_SHARE
from context.values import Arm, Candidate, Considered, Reason
from context.words import shared_words

RELEVANCE_FLOOR = 0.15
"""Below it, nothing is shown because it is recent or popular (SPEC section 6)."""
TAIL_SHARE = 0.6
"""What is less than this share as relevant as the best found is noise beside it, whatever its age and use.

On 318 LoCoMo questions, observations as memories, 2,000 tokens: no gate injects 1,815 tokens and holds .917 of the
evidence, .5 1,686 and .908, .6 1,356 and .892, .7 822 and .847.
"""
SHORT_LIST_SHARE = 1.25
"""Of the room, in tokens: how much of the best goes into the knapsack. Scores lie close together, so a knapsack of
everything fills a tight budget with what is short instead of what is good: at 500 tokens it holds .59 of the evidence
(same data), at 1,000 .74; of this list .74 and .82."""
SHORT_LIST_MIN = 12
"""So many are packed as a knapsack in any case."""
PINNED_SHARE = 0.25
"""Of the memory budget, for standing instructions; what they leave goes to the others."""
LEFT_OUT_KEPT = 20
"""Of those left out, how many a receipt names, best first: 50 rows a call would be most of the vault's writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """A candidate with its score; `tokens` are those of its whole element."""

    candidate: Candidate
    components: Components
    score: float
    rank: int
    tokens: int
    hot_rank: int | None = None
    """Its place among the hot memories, by what it is worth whatever the question."""

    @property
    def id(self) -> UUID:
        return self.candidate.memory.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is shown anew, and the receipt of everything considered."""

    memories: tuple[HotMemory, ...]
    considered: tuple[Considered, ...]
    tokens: int
    """Of the chosen elements together."""
    is_crowded: bool = False
    """A standing instruction, or the best of the others, has no room, and would have if the oldest blocks went."""


def merge(hot: Sequence[HotMemory], cold: Sequence[Candidate] | None, query: str) -> list[Candidate]:
    """One candidate a memory. What the cold search found has its relevance; the rest is judged by shared words.

    Where the cold search arrived, a memory it did not find is no more relevant than the least it found.
    """
    hot_ids = {memory.id for memory in hot}
    found = {
        candidate.memory.id: replace(candidate, is_hot=True) if candidate.memory.id in hot_ids else candidate
        for candidate in cold or ()
    }
    only_hot = list({memory.id: memory for memory in hot if memory.id not in found}.values())
    ceiling = min((candidate.relevance for candidate in found.values()), default=1.0)
    shared = shared_words(query, [memory.content for memory in only_hot])
    judged = (
        Candidate(memory=memory, arm=Arm.HOT, relevance=min(share, ceiling), is_hot=True)
        for memory, share in zip(only_hot, shared, strict=True)
    )
    return [*found.values(), *judged]


def rank(
    candidates: Sequence[Candidate],
    *,
    now: float,
    half_lives: Mapping[str, float] = HALF_LIVES_DAYS,
) -> list[Ranked]:
    """Best first; equal scores by what was learned last."""
    scored = []
    for candidate in candidates:
        parts = components(candidate.memory, relevance=candidate.relevance, now=now, half_lives=half_lives)
        scored.append((parts.total, candidate.memory.observed_at, candidate.memory.id, candidate, parts))
    scored.sort(key=lambda line: line[:3], reverse=True)
    hot = sorted((_worth(line[4], line[3]), line[2]) for line in scored if line[3].is_hot)
    hot_ranks = {memory_id: place for place, (_, memory_id) in enumerate(reversed(hot), start=1)}
    return [
        Ranked(
            candidate=candidate,
            components=parts,
            score=score,
            rank=place,
            tokens=element_tokens(candidate.memory),
            hot_rank=hot_ranks.get(candidate.memory.id),
        )
        for place, (score, _, _, candidate, parts) in enumerate(scored, start=1)
    ]


def _worth(parts: Components, candidate: Candidate) -> tuple[bool, float]:
    """As the desk orders them: pinned ones first, then by the score without its relevance."""
    return candidate.memory.is_pinned, parts.total - WEIGHTS["relevance"] * parts.relevance


def choose(
    ranked: Sequence[Ranked],
    *,
    room: int,
    whole: int,
    shown: Collection[UUID],
    repeated: Collection[UUID] = frozenset(),
) -> Choice:
    """Which of `ranked` to show in `room` tokens, what replayed blocks leave of a budget of `whole` tokens.

    `shown` stand in those blocks already, `repeated` in the caller's own messages.
    """
    fresh = [item for item in ranked if item.id not in shown]
    pinned_budget = int(whole * PINNED_SHARE) - sum(i.tokens for i in ranked if i.id in shown and _is_pinned(i))
    pinned = _take_pinned(fresh, min(pinned_budget, room))
    pinned_ids = {item.id for item in pinned}
    # What is shown already still sets the standard: else the dregs would rise once the best have been shown.
    best = max((item.candidate.relevance for item in ranked), default=0.0)
    gates = [(item, _gate(item, best, repeated)) for item in fresh if item.id not in pinned_ids]
    contenders = [item for item, reason in gates if reason is None]
    free = room - sum(item.tokens for item in pinned)
    chosen, squeezed = _pack(contenders, free, whole)
    packed = [*pinned, *chosen]
    return Choice(
        memories=tuple(item.candidate.memory for item in packed),
        considered=_receipt(ranked, pinned_ids, {i.id: reason for i, reason in gates if reason} | squeezed, shown),
        tokens=sum(item.tokens for item in packed),
        is_crowded=len(pinned) < len(_take_pinned(fresh, pinned_budget))
        or (bool(contenders) and free < contenders[0].tokens <= whole * (1 - KEPT_SHARE)),
    )


def withheld(choice: Choice) -> Choice:
    """The same choice with nothing shown: its receipt says what would have been."""
    considered = (
        replace(line, is_packed=False, reason=Reason.SHADOW) if line.is_packed else line for line in choice.considered
    )
    return Choice(memories=(), considered=tuple(considered), tokens=0)


def _pack(contenders: Sequence[Ranked], free: int, whole: int) -> tuple[list[Ranked], dict[UUID, Reason]]:
    """The best set that fits into `free` tokens, and why the others are not in it."""
    listed = _short_list(contenders, free)
    chosen = [listed[i] for i in pack([item.score for item in listed], [item.tokens for item in listed], free)]
    chosen_ids, listed_ids = {item.id for item in chosen}, {item.id for item in listed}
    squeezed = {
        item.id: Reason.OUTRANKED if item.id not in listed_ids and item.tokens <= free else _too_much(item, whole)
        for item in contenders
        if item.id not in chosen_ids
    }
    return chosen, squeezed


def _short_list(contenders: Sequence[Ranked], free: int) -> list[Ranked]:
    """The best of those that would fit, a little more of them than there is room for."""
    listed: list[Ranked] = []
    tokens = 0
    for item in contenders:
        if len(listed) >= SHORT_LIST_MIN and tokens >= free * SHORT_LIST_SHARE:
            break
        if item.tokens <= free:
            listed.append(item)
            tokens += item.tokens
    return listed


def _too_much(item: Ranked, whole: int) -> Reason:
    return Reason.TOO_LONG if item.tokens > whole else Reason.OVER_BUDGET


def _is_pinned(item: Ranked) -> bool:
    return item.candidate.memory.is_pinned


def _take_pinned(fresh: Sequence[Ranked], budget: int) -> list[Ranked]:
    """Standing instructions are not found by similarity: best first, as many as fit in their own budget.

    One that does not fit there takes its chance among the others.
    """
    taken = []
    for item in fresh:
        if _is_pinned(item) and item.tokens <= budget:
            taken.append(item)
            budget -= item.tokens
    return taken


def _gate(item: Ranked, best: float, repeated: Collection[UUID]) -> Reason | None:
    if item.id in repeated:
        return Reason.REPEATED
    if item.candidate.relevance < RELEVANCE_FLOOR:
        return Reason.BELOW_FLOOR
    return Reason.IN_THE_TAIL if item.candidate.relevance < TAIL_SHARE * best else None


def _receipt(
    ranked: Sequence[Ranked],
    pinned_ids: Collection[UUID],
    left_out: Mapping[UUID, Reason],
    shown: Collection[UUID],
) -> tuple[Considered, ...]:
    lines, omitted = [], 0
    for item in ranked:
        reason = left_out.get(item.id)
        omitted += reason is not None
        if reason is None or omitted <= LEFT_OUT_KEPT:
            arm = Arm.REPLAYED if item.id in shown else Arm.PINNED if item.id in pinned_ids else item.candidate.arm
            lines.append(_line(item, arm, reason))
    return tuple(lines)


def _line(item: Ranked, arm: Arm, reason: Reason | None) -> Considered:
    return Considered(
        memory_id=item.id,
        version=item.candidate.memory.version,
        rank=item.rank,
        score=round(item.score, 6),
        components=item.components.as_dict(),
        arm=arm,
        tokens=item.tokens,
        is_packed=reason is None,
        reason=reason or "",
        vector_rank=item.candidate.vector_rank,
        word_rank=item.candidate.word_rank,
        hot_rank=item.hot_rank,
    )
