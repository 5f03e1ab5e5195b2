"""Which of the blocks a session has been shown stand in this call's history, and how many of them still may.

The caller's history does not hold what IBEX put in, so each block is put back, byte for byte, before the message it
stood before. That message is found by its content, and by which of several equal ones it is: a history that was edited,
or forked, simply has no place for the block any more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from context.desk_read import ShownBlock
from context.query import last_user_index

KEPT_SHARE = 0.5
"""Of the memory budget: how much of it blocks keep when the oldest have to go. The prefix then changes once, and is
stable again for many turns."""
_DIGEST_BYTES = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What is put back into this call."""

    blocks: tuple[tuple[int, ShownBlock], ...]
    """(index of the caller's message it stands before, block), in the order of the prompt."""
    forgotten: frozenset[int]
    """Positions, in the desk's list, of blocks that are never to be replayed again."""

    @property
    def tokens(self) -> int:
        """Of all the blocks that are put back."""
        return sum(block.tokens for _, block in self.blocks)


def anchor_index(messages: Sequence[Mapping[str, Any]]) -> int | None:
    """Before which message a new block stands: the user's last, or the last of all when no user speaks."""
    at = last_user_index(messages)
    return at if at is not None or not messages else len(messages) - 1


def anchors_of(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each message, a name made of its role and content and of how many equal ones come before it."""
    seen: Counter[str] = Counter()
    anchors = []
    for message in messages:
        digest = hashlib.blake2b(_said(message), digest_size=_DIGEST_BYTES).hexdigest()
        anchors.append(f"{digest}:{seen[digest]}")
        seen[digest] += 1
    return anchors


def replay(
    blocks: Sequence[ShownBlock],
    anchors: Sequence[str],
    budget: int,
    *,
    gone: AbstractSet[UUID] = frozenset(),
    crowded: bool = False,
) -> Replay:
    """Find the places of a session's blocks, without those that hold what is gone.

    What was deleted, superseded or quarantined since must not be read again, whatever that does to the prefix. The
    oldest blocks are forgotten when all of them are more than `budget` tokens, or when they crowd out what is new.
    """
    places = {anchor: index for index, anchor in enumerate(anchors)}
    stale = {i for i, block in enumerate(blocks) if not gone.isdisjoint(block.ids)}
    found = [(i, block) for i, block in enumerate(blocks) if i not in stale and block.anchor in places]
    sizes = [block.tokens for _, block in found]
    outgrown = _outgrown(sizes, budget) if crowded or sum(sizes) > budget else 0
    kept = sorted(((places[block.anchor], i, block) for i, block in found[outgrown:]), key=lambda place: place[:2])
    return Replay(
        blocks=tuple((index, block) for index, _, block in kept),
        forgotten=frozenset(stale | {i for i, _ in found[:outgrown]}),
    )


def _outgrown(tokens: Sequence[int], budget: int) -> int:
    """How many of the oldest blocks must go for the rest to be half of the budget."""
    total, dropped = sum(tokens), 0
    while total > budget * KEPT_SHARE:
        total -= tokens[dropped]
        dropped += 1
    return dropped


def _said(message: Mapping[str, Any]) -> bytes:
    """Role and content, alike for a string and one text part; cache marks move from turn to turn and are left out."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    said = [part.get("text") or _unmarked(part) if isinstance(part, dict) else part for part in parts]
    return orjson.dumps([message.get("role"), *said], option=orjson.OPT_SORT_KEYS, default=str)


def _unmarked(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "cache_control"}
