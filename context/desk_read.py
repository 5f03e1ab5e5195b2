"""What one read of the desk said: directive, hot memories, and the blocks that this session has been shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson

from ibex.core import metrics

MAX_BLOCKS = 64
"""Blocks remembered for one session; the agent's memory budget forgets them long before that."""

PARSED_DESKS = 512
"""Their values come back as the very same objects while a desk does not change (`proxy.known_desks`)."""
PARSED_MAX = 4_096
"""Hot memories come back call after call; about 1 KiB each."""

T = TypeVar("T")


class HotMemory(NamedTuple):
    """A memory, or an excerpt, as scoring and rendering need it. Times are seconds since 1970, tokens those of the
    content. A tuple: each call makes fifty.
    """

    id: UUID
    content: str
    category: str
    confidence: float
    usefulness: float
    injections: int
    observed_at: float
    tokens: int
    version: int
    is_pinned: bool = False
    by_operator: bool = False
    """A signed-in operator wrote its words by hand."""
    valid_from: float | None = None
    source: str = "extracted"
    session_id: UUID | None = None
    """Of the conversation it was learned from; the desk does not say."""
    is_excerpt: bool = False
    """A turn's own words: evidence, not a claim."""
    role: str = ""
    """Of an excerpt: whose words they are, user or assistant."""
    speaker: str = ""
    """Of an excerpt: the name that the application gave of who said it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownBlock:
    """A memory block as this session was shown it: it is replayed byte for byte before the message it stood before."""

    anchor: str
    """Names the caller's message it stands before (`context.shown.anchors_of`)."""
    text: str
    memory_ids: tuple[UUID, ...]
    versions: tuple[int, ...] = ()
    """Of each memory, in the order of `memory_ids`."""
    tokens: int = 0
    nonce: str = ""
    """By which the receipts know it; empty for blocks of before they did."""
    excerpt_ids: tuple[UUID, ...] = ()

    @property
    def ids(self) -> tuple[UUID, ...]:
        """Of everything in it."""
        return (*self.memory_ids, *self.excerpt_ids)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeskRead:
    """None is cold: the desk does not know. Empty is an answer: there is nothing."""

    directive: str | None = None
    directive_version: int = 0
    directive_tokens: int | None = None
    """None: not known."""
    hot: tuple[HotMemory, ...] | None = None
    shown_blocks: tuple[ShownBlock, ...] = ()
    knows_shown: bool = True
    """False: whether this session was shown anything has been forgotten, or never been noted."""
    cold: tuple[str, ...] = ()
    """What the desk should be given again, of: directive, hot, hot_of_user."""
    cuts: tuple[str, ...] | None = None
    """What tells whether a copy of the agent's memories, and of the end user's, still holds; None: not known."""
    is_reachable: bool = True
    """False: the desk did not answer, so what it would have said is missing because of an error."""


COLD_DESK = DeskRead(is_reachable=False, knows_shown=False)
"""The read of a desk that did not answer."""


def parse_desk(
    *,
    directive: bytes | None,
    hot: Sequence[bytes],
    hot_of_user: Sequence[bytes] | None = None,
    shown: bytes | None = None,
) -> DeskRead:
    """What Redis returned, as values. An empty list of hot data is cold (a warm one holds at least its marker).

    `hot_of_user` is None when the call has no end user. What cannot be parsed is counted and treated as not there.
    """
    text, version, tokens = parse_directive(directive)
    of_agent = parse_hot(tuple(hot))
    of_user = parse_hot(tuple(hot_of_user)) if hot_of_user is not None else ()
    parts = {"directive": text, "hot": of_agent, "hot_of_user": of_user}
    known = None if of_agent is None and not of_user else (*(of_agent or ()), *(of_user or ()))
    cuts = [cut_of(values) for values in (hot, hot_of_user) if values is not None]
    return DeskRead(
        cuts=None if None in cuts else tuple(cut for cut in cuts if cut is not None),
        directive=text,
        directive_version=version,
        directive_tokens=tokens,
        hot=known,
        shown_blocks=parse_blocks(shown),
        knows_shown=shown is not None,
        cold=tuple(name for name, part in parts.items() if part is None),
    )


def parse_directive(raw: bytes | None) -> tuple[str | None, int, int | None]:
    """Text, version, tokens. The text is None when the desk does not know, empty when the agent has no directive."""
    unknown: tuple[str | None, int, int | None] = (None, 0, None)
    return unknown if raw is None else _parsed(_directive, raw, fallback=unknown)


@lru_cache(maxsize=PARSED_DESKS)
def parse_hot(values: tuple[bytes, ...]) -> tuple[HotMemory, ...] | None:
    """The memories among the values of one hot hash; None when it is cold."""
    if not values:
        return None
    found = (_parsed(_hot_memory, value, fallback=None) for value in values)
    return tuple(memory for memory in found if memory is not None)


def cut_of(values: Sequence[bytes]) -> str | None:
    """The cut among the values of one hot hash; None when it is cold."""
    return next((value.decode("ascii", "replace") for value in values if value.startswith(b"#")), None)


def parse_blocks(raw: bytes | None) -> tuple[ShownBlock, ...]:
    """The inverse of `dump_blocks`; nothing when there is none."""
    return () if raw is None else _parsed(_blocks, raw, fallback=())


def dump_blocks(blocks: Sequence[ShownBlock]) -> bytes:
    """What is kept on the desk of a session: its latest blocks, oldest first."""
    return orjson.dumps(
        [
            {
                "anchor": block.anchor,
                "text": block.text,
                "memory_ids": block.memory_ids,
                "versions": block.versions,
                "tokens": block.tokens,
                "nonce": block.nonce,
                "excerpt_ids": block.excerpt_ids,
            }
            for block in blocks[-MAX_BLOCKS:]
        ]
    )


def _parsed(parse: Callable[[bytes], T], raw: bytes, *, fallback: T) -> T:
    try:
        return parse(raw)
    except (ValueError, TypeError, KeyError, AttributeError):
        metrics.BOUNDARY_ERRORS.labels(boundary="desk_read").inc()
        return fallback


def _directive(raw: bytes) -> tuple[str | None, int, int | None]:
    said = orjson.loads(raw)
    tokens = said.get("tokens")
    return str(said["content"]), int(said.get("version") or 0), int(tokens) if tokens is not None else None


@lru_cache(maxsize=PARSED_MAX)
def _hot_memory(raw: bytes) -> HotMemory | None:
    if not raw.startswith(b"{"):  # the marker that says: warm
        return None
    said: dict[str, Any] = orjson.loads(raw)
    if "id" not in said:
        return None
    return HotMemory(
        id=UUID(said["id"]),
        content=str(said["content"]),
        category=str(said["category"]),
        confidence=float(said["confidence"]),
        usefulness=float(said["usefulness"]),
        injections=int(said["injections"]),
        observed_at=float(said["observed_at"]),
        tokens=int(said["tokens"]),
        version=int(said["version"]),
        is_pinned=bool(said.get("pinned")),
        by_operator=bool(said.get("by_operator")),
        valid_from=float(said["valid_from"]) if said.get("valid_from") is not None else None,
        source=str(said.get("source") or "extracted"),
    )


def _blocks(raw: bytes) -> tuple[ShownBlock, ...]:
    return tuple(
        ShownBlock(
            anchor=str(said["anchor"]),
            text=str(said["text"]),
            memory_ids=tuple(UUID(memory_id) for memory_id in said["memory_ids"]),
            versions=tuple(int(version) for version in said["versions"]),
            tokens=int(said["tokens"]),
            nonce=str(said.get("nonce", "")),
            excerpt_ids=tuple(UUID(excerpt_id) for excerpt_id in said.get("excerpt_ids", ())),
        )
        for said in orjson.loads(raw)
    )
