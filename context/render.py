"""Memories and excerpts as the model reads them: data in escaped elements, in a block whose name cannot be guessed.

The text depends on the memories, the nonce and the wording alone: no score, no rank, no time of now.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from xml.sax.saxutils import escape

from context.injectable import Injectable, is_instruction
from context.score import DAY_S
from context.wording import DEFAULT, Wording
from context.wording.base import CATEGORIES
from context.words import CACHED_MEMORIES
from ibex.core.tokens import at_most
from ibex.core.unseen import UNSEEN

NONCE_DIGITS = 15
"""A memory is written before the nonce of its block is made, and is escaped besides: 50 bits are for good measure.

Three digits are one token, always; mixed with letters they would be one to three, and the block's tokens unknown."""

_EPOCH = date(1970, 1, 1)
_ESCAPED = {'"': "&quot;"}
_PLACES = {category: place for place, category in enumerate(CATEGORIES)}
_SPECIAL = re.compile(r'[&<>"]')
_ENTITY_TOKENS = 4
"""The most that one escaped character adds to a text's tokens."""
_SEAM_TOKENS = 2
"""An element's parts are counted apart; where they meet, the tokenizer may cut differently."""


def make_nonce() -> str:
    """The part of a block's name that nobody can guess."""
    return f"{secrets.randbelow(10**NONCE_DIGITS):0{NONCE_DIGITS}d}"


def render(memories: Sequence[Injectable], nonce: str, wording: Wording = DEFAULT) -> str:
    """One block: a sentence, then an element for each memory, by category and then by the time it was learned.

    Instructions of the operator's come first, excerpts stand among what is episodic.
    """
    tag = f"memories-{nonce}"
    elements = [element(memory, wording) for memory in sorted(memories, key=_place)]
    return "\n".join([wording.sentence(**kinds_of(memories)), f"<{tag}>", *elements, f"</{tag}>"])


def element(memory: Injectable, wording: Wording = DEFAULT) -> str:
    """`<memory category="…" observed="YYYY-MM-DD">…</memory>`, `<instruction observed="…">…</instruction>`, or
    `<excerpt by="user" said="YYYY-MM-DD">"…"</excerpt>`.

    Of a memory, `since` is there where it became true on another day, `source` where it was not learned from a
    conversation; of an excerpt, `name` where the application said who spoke. What an element is called comes from who
    wrote its words, never from what they say.
    """
    if memory.is_excerpt:
        name = f' name="{seen(memory.speaker)}"' if memory.speaker else ""
        return (
            f'<excerpt by="{_role(memory, wording)}"{name} said="{_day(memory.observed_at)}">{words(memory)}</excerpt>'
        )
    since = _since(memory)
    validity = f' since="{since}"' if since else ""
    if is_instruction(memory):
        return f'<instruction observed="{_day(memory.observed_at)}"{validity}>{words(memory)}</instruction>'
    source = f' source="{wording.sources[memory.source]}"' if memory.source in wording.sources else ""
    category = memory.category if memory.category in _PLACES else escape(memory.category, _ESCAPED)
    about = f'category="{category}" observed="{_day(memory.observed_at)}"{validity}{source}'
    return f"<memory {about}>{words(memory)}</memory>"


def words(memory: Injectable) -> str:
    """The content as it stands in its element."""
    return f'"{seen(memory.content)}"' if memory.is_excerpt else seen(memory.content)


@lru_cache(maxsize=CACHED_MEMORIES)
def seen(content: str) -> str:
    """The content as it stands in a block: escaped, and without what a reader could not see."""
    plain = content if content.isascii() and content.isprintable() else UNSEEN.sub("", content)
    return escape(plain, _ESCAPED) if _entities(plain) else plain


def kinds_of(memories: Sequence[Injectable]) -> dict[str, bool]:
    """What the sentence before their block has to speak of."""
    procedural = [is_instruction(memory) for memory in memories if memory.category == "procedural"]
    return {
        "instructions": True in procedural,
        "procedures": False in procedural,
        "excerpts": True in [memory.is_excerpt for memory in memories],
    }


def block_tokens(
    wording: Wording = DEFAULT, *, procedures: bool = True, instructions: bool = True, excerpts: bool = True
) -> int:
    """Upper bound of the tokens of a block without its elements, which are of these kinds and perhaps others."""
    frame = wording.tokens
    clauses = frame.procedures * procedures + frame.instructions * instructions + frame.excerpts * excerpts
    return frame.block + clauses


def element_tokens(memory: Injectable, wording: Wording = DEFAULT) -> int:
    """Upper bound of the tokens of `element(memory)` and its line's end: its content was counted when written."""
    content = memory.tokens + _SEAM_TOKENS + _ENTITY_TOKENS * _entities(memory.content)
    frame = wording.tokens  # asked at once what is rarely so: each call counts a hundred
    if memory.is_excerpt:
        return content + frame.excerpt + (frame.name + at_most(seen(memory.speaker)) if memory.speaker else 0)
    since = frame.since if memory.valid_from is not None and _since(memory) else 0
    if memory.is_pinned and is_instruction(memory):
        return content + frame.instruction + since
    source = frame.source if memory.source in wording.sources else 0
    unknown = 0 if memory.category in _PLACES else at_most(escape(memory.category, _ESCAPED))
    return content + frame.element + since + source + unknown


def _entities(text: str) -> int:
    """How many characters have to be escaped. Most texts have none, which is sooner known than counted."""
    if "&" in text or "<" in text or ">" in text or '"' in text:
        return len(_SPECIAL.findall(text))
    return 0


def _role(memory: Injectable, wording: Wording) -> str:
    return wording.roles.get(memory.role, wording.roles["user"])


def _since(memory: Injectable) -> str:
    """The day it became true, where that is not the day it was learned."""
    if memory.valid_from is None:
        return ""
    day = _day(memory.valid_from)
    return day if day != _day(memory.observed_at) else ""


def _day(seconds: float) -> str:
    return _date(int(seconds // DAY_S))


@lru_cache(maxsize=4_096)
def _date(days: int) -> str:
    """`days` since 1970."""
    return (_EPOCH + timedelta(days=days)).isoformat()


def _place(memory: Injectable) -> tuple[int, float, int]:
    rank = -1 if is_instruction(memory) else _PLACES.get(memory.category, len(_PLACES))
    return rank, memory.observed_at, memory.id.int
