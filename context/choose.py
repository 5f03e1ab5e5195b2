"""From candidates to the few that are shown: scored, gated, packed, and each with its reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from context.desk_read import HotMemory
from context.injectable import Injectable
from context.pack import pack
from context.ranked import LeftOut, Ranked, receipt
from context.render import element_tokens
from context.restated import Told
from context.score import HALF_LIVES_DAYS, WEIGHTS, score
from context.shown import KEPT_SHARE
from context.values import Arm, Candidate, Considered, Reason
from context.wording import DEFAULT, Wording
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
CROWDING_RELEVANCE = 0.65
"""From here on the best of what is new is worth forgetting the oldest blocks for, which changes a prefix that the
provider has cached; what is less relevant waits until there is room.

Nine of ten LoCoMo questions find as much, three of four turns of small talk do not. A cache then hits .90 of a long
chat's tokens, as without memories; .64 when anything may displace (benchmarks/prompt_cache.py --short).
"""
EXCERPT_SHARE = 0.5
"""Of the memory budget, for excerpts. What either kind leaves goes to the other; the best memory has its room first.

Evidence in the prompt at 500, 1,000 and 2,000 tokens (benchmarks/quality_prompt.py, 129 LoCoMo questions). The local
extractor's memories alone .36, .57, .64; with excerpts at a share of .2 .37, .69, .84; .3 .45, .75, .87; .5 .50, .79,
.90; .7 .58, .81, .91. Annotated memories alone .51, .64, .75; .3 .55, .77, .86; .5 .59, .79, .91; .7 .57, .79, .92.
"""

_RELEVANCE = WEIGHTS["relevance"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is shown anew, and the receipt of everything considered."""

    memories: tuple[Injectable, ...]
    considered: tuple[Considered, ...]
    tokens: int
    """Of the chosen elements together."""
    is_crowded: bool = False
    """A standing instruction, or the best of the others, has no room, and would have if the oldest blocks went."""


def merge(hot: Sequence[HotMemory], cold: Sequence[Candidate] | None, query: str) -> list[Candidate]:
    """One candidate a memory. What the cold search found has its relevance; the rest is judged by shared words.

    Where the cold search arrived, a memory it did not find is no more relevant than the least it found.
    """
    # By the number of an id: Python's own UUID takes ten times as long to look up.
    of_desk = {memory.id.int: memory for memory in hot}
    found = [
        candidate if of_desk.pop(candidate.memory.id.int, None) is None else candidate._replace(is_hot=True)
        for candidate in cold or ()
    ]
    only_hot = list(of_desk.values())
    ceiling = min([candidate.relevance for candidate in found], default=1.0)
    shared = shared_words(query, [memory.content for memory in only_hot])
    arm = Arm.HOT
    return found + [
        Candidate(memory, arm, min(ceiling, share), None, None, True)
        for memory, share in zip(only_hot, shared, strict=True)
    ]


def rank(
    candidates: Sequence[Candidate],
    *,
    now: float,
    half_lives: Mapping[str, float] = HALF_LIVES_DAYS,
    wording: Wording = DEFAULT,
) -> list[Ranked]:
    """Best first; equal scores by what was learned last."""
    scored = []
    for candidate in candidates:
        memory, relevance = candidate.memory, candidate.relevance
        worth, parts = score(memory, relevance, now, half_lives)
        # No two ids are the same number, so what stands behind it is never compared.
        scored.append((worth, memory.observed_at, memory.id.int, parts, relevance, memory, candidate))
    scored.sort(reverse=True)
    # As the desk orders them: pinned ones first, then by the score without its relevance.
    hot = [
        (memory.is_pinned, worth - _RELEVANCE * parts[0], key)
        for worth, _, key, parts, _, memory, one in scored
        if one.is_hot
    ]
    hot.sort(reverse=True)
    hot_ranks = {key: place for place, (_, _, key) in enumerate(hot, start=1)}
    return [
        Ranked(
            candidate,
            memory,
            relevance,
            memory.is_excerpt,
            parts,
            worth,
            place,
            element_tokens(memory, wording),
            hot_ranks.get(key),
        )
        for place, (worth, _, key, parts, relevance, memory, candidate) in enumerate(scored, start=1)
    ]


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
    again = [item for item in ranked if item.id in shown] if shown else []
    shown_ranks = {item.rank for item in again}
    fresh = _without(ranked, shown_ranks)
    standing = [item for item in fresh if item.memory.is_pinned]
    pinned_budget = int(whole * PINNED_SHARE) - sum(item.tokens for item in again if item.memory.is_pinned)
    pinned = _take_pinned(standing, min(pinned_budget, room))
    pinned_ranks = {item.rank for item in pinned}
    others = _without(fresh, pinned_ranks)
    gates = _gates(ranked, others, repeated)
    contenders = _without(others, gates)
    free = room - sum(item.tokens for item in pinned)
    told = [*pinned, *(item for item in again if not item.is_excerpt)]
    claims = [item for item in contenders if not item.is_excerpt]
    words = [item for item in contenders if item.is_excerpt]
    chosen, left_out = _share(claims, words, free, whole, told)
    packed = [*pinned, *chosen]
    return Choice(
        memories=tuple(item.memory for item in packed),
        considered=receipt(ranked, pinned_ranks, gates | left_out, shown_ranks),
        tokens=sum([item.tokens for item in packed]),
        is_crowded=len(pinned) < len(_take_pinned(standing, pinned_budget))
        or (bool(claims) and free < claims[0].tokens <= whole * (1 - KEPT_SHARE) and _is_worth_a_prefix(claims[0])),
    )


def _is_worth_a_prefix(item: Ranked) -> bool:
    return item.relevance >= CROWDING_RELEVANCE


def withheld(choice: Choice) -> Choice:
    """The same choice with nothing shown: its receipt says what would have been."""
    considered = (
        line._replace(is_packed=False, reason=Reason.SHADOW) if line.is_packed else line for line in choice.considered
    )
    return Choice(memories=(), considered=tuple(considered), tokens=0)


def _share(
    claims: Sequence[Ranked], words: Sequence[Ranked], free: int, whole: int, told: Sequence[Ranked]
) -> tuple[list[Ranked], LeftOut]:
    """Memories in their share, excerpts in theirs and what memories leave, memories again in what is left then.

    An excerpt that only restates one of the memories that are chosen, or `told` besides, is left out, and so is a
    memory that says again what a better one says.
    """
    claims, again = _once(claims, told, free)
    kept = min(int(free * EXCERPT_SHARE), sum(item.tokens for item in words))
    best = claims[0].tokens if claims else 0
    if best <= free:
        kept = min(kept, free - best)
    chosen, squeezed = _pack(claims, free - kept, whole)
    restating = _restating(words, [*told, *chosen]) if words else {}
    left = free - sum(item.tokens for item in chosen)
    quoted, unquoted = _pack([item for item in words if item.rank not in restating], left, whole)
    if kept:
        left -= sum(item.tokens for item in quoted)
        more, squeezed = _pack([item for item in claims if item.rank in squeezed], left, whole)
        chosen += more
    return [*chosen, *quoted], squeezed | unquoted | restating | again


def _restating(excerpts: Sequence[Ranked], beside: Sequence[Ranked]) -> LeftOut:
    told = Told(item.memory.content for item in beside)
    return {item.rank: Reason.RESTATES for item in excerpts if told.says_most_of(item.memory.content)}


def _once(claims: Sequence[Ranked], told: Sequence[Ranked], free: int) -> tuple[list[Ranked], LeftOut]:
    """The claims without those that say again what a better one that has room says, or one that is shown anyhow."""
    said = Told(item.memory.content for item in told)
    once: list[Ranked] = []
    again: LeftOut = {}
    for item in claims:
        content = item.memory.content
        if said.says(content):
            again[item.rank] = Reason.RESTATES
            continue
        once.append(item)
        if item.tokens <= free:
            said.add(content)
    return once, again


def _pack(contenders: Sequence[Ranked], free: int, whole: int) -> tuple[list[Ranked], LeftOut]:
    """The best set that fits into `free` tokens, and why the others are not in it."""
    if not contenders:
        return [], {}
    listed = _short_list(contenders, free)
    chosen = [listed[i] for i in pack([item.score for item in listed], [item.tokens for item in listed], free)]
    ranks_chosen, ranks_listed = {item.rank for item in chosen}, {item.rank for item in listed}
    squeezed = {
        item.rank: Reason.OUTRANKED if item.rank not in ranks_listed and item.tokens <= free else _too_much(item, whole)
        for item in contenders
        if item.rank not in ranks_chosen
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


def _without(items: Sequence[Ranked], ranks: Collection[int]) -> Sequence[Ranked]:
    return [item for item in items if item.rank not in ranks] if ranks else items


def _take_pinned(standing: Sequence[Ranked], budget: int) -> list[Ranked]:
    """Standing instructions are not found by similarity: best first, as many as fit in their own budget.

    One that does not fit there takes its chance among the others.
    """
    taken = []
    for item in standing:
        if item.tokens <= budget:
            taken.append(item)
            budget -= item.tokens
    return taken


def _gates(ranked: Sequence[Ranked], fresh: Sequence[Ranked], repeated: Collection[UUID]) -> LeftOut:
    """Why some of `fresh` are not worth showing however much room there is.

    What is shown already still sets the standard: else the dregs would rise once the best have been shown. Memories are
    held against the best memory, excerpts against the best of all: evidence may not put claims in the shade.
    """
    tail = TAIL_SHARE * max([item.relevance for item in ranked], default=0.0)
    tail_of_claims = TAIL_SHARE * max([item.relevance for item in ranked if not item.is_excerpt], default=0.0)
    gates: LeftOut = {}
    for item in fresh:
        relevance = item.relevance
        if repeated and item.id in repeated:
            gates[item.rank] = Reason.REPEATED
        elif relevance < RELEVANCE_FLOOR:
            gates[item.rank] = Reason.BELOW_FLOOR
        elif relevance < (tail if item.is_excerpt else tail_of_claims):
            gates[item.rank] = Reason.IN_THE_TAIL
    return gates
