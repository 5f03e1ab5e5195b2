"""Memories as the model reads them: data in escaped elements, in a block whose name cannot be guessed.

The text depends on the memories, the nonce and the wording alone: no score, no rank, no time of now.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from context.desk_read import HotMemory
from context.wording import DEFAULT, Wording
from ibex.core.tokens import at_most

CATEGORY_ORDER = ("procedural", "factual", "preference", "behavioral", "episodic")
NONCE_DIGITS = 15
"""A memory is written before the nonce of its block is made, and is escaped besides: 50 bits are for good measure.

Three digits are one token, always; mixed with letters they would be one to three, and the block's tokens unknown."""

_ESCAPED = {'"': "&quot;"}
_SPECIAL = re.compile(r'[&<>"]')
_ENTITY_TOKENS = 4
"""The most that one escaped character adds to a text's tokens."""
_SEAM_TOKENS = 2
"""An element's parts are counted apart; where they meet, the tokenizer may cut differently."""
# What XML forbids, and what a reader cannot see: direction overrides, invisible operators and letters, tag characters.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


def make_nonce() -> str:
    """The part of a block's name that nobody can guess."""
    return f"{secrets.randbelow(10**NONCE_DIGITS):0{NONCE_DIGITS}d}"


def render(memories: Sequence[HotMemory], nonce: str, wording: Wording = DEFAULT) -> str:
    """One block: a sentence, then an element for each memory, by category and then by the time it was learned."""
    tag = f"memories-{nonce}"
    elements = [element(memory, wording) for memory in sorted(memories, key=_place)]
    introduction = wording.introduction_with_procedures if has_procedures(memories) else wording.introduction
    return "\n".join([introduction, f"<{tag}>", *elements, f"</{tag}>"])


def element(memory: HotMemory, wording: Wording = DEFAULT) -> str:
    """`<memory category="…" observed="YYYY-MM-DD">…</memory>`.

    `since` is there where it became true on another day, `source` where it was not learned from a conversation.
    """
    return f"{_opening(memory, wording)}{seen(memory.content)}</memory>"


def seen(content: str) -> str:
    """The content as it stands in a block: escaped, and without what a reader could not see."""
    return escape(_UNSEEN.sub("", content), _ESCAPED)


def block_tokens(wording: Wording = DEFAULT, *, procedures: bool = True) -> int:
    """Upper bound of the tokens of a block without its memories; without `procedures` none of them is procedural."""
    return wording.tokens.block_with_procedures if procedures else wording.tokens.block


def element_tokens(memory: HotMemory, wording: Wording = DEFAULT) -> int:
    """Upper bound of the tokens of `element(memory)` and its line's end: its content was counted when written."""
    frame = wording.tokens
    return (
        frame.element
        + (frame.since if _since(memory) else 0)
        + (frame.source if memory.source in wording.sources else 0)
        + (0 if memory.category in CATEGORY_ORDER else at_most(escape(memory.category, _ESCAPED)))
        + memory.tokens
        + _SEAM_TOKENS
        + _ENTITY_TOKENS * len(_SPECIAL.findall(memory.content))
    )


def has_procedures(memories: Sequence[HotMemory]) -> bool:
    """Whether their block has to say what procedural memories are."""
    return any(memory.category == "procedural" for memory in memories)


def _opening(memory: HotMemory, wording: Wording) -> str:
    since = _since(memory)
    validity = f' since="{since}"' if since else ""
    source = f' source="{wording.sources[memory.source]}"' if memory.source in wording.sources else ""
    category = escape(memory.category, _ESCAPED)
    return f'<memory category="{category}" observed="{_day(memory.observed_at)}"{validity}{source}>'


def _since(memory: HotMemory) -> str:
    """The day it became true, where that is not the day it was learned."""
    if memory.valid_from is None:
        return ""
    day = _day(memory.valid_from)
    return day if day != _day(memory.observed_at) else ""


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).date().isoformat()


def _place(memory: HotMemory) -> tuple[int, float, str]:
    known = memory.category in CATEGORY_ORDER
    rank = CATEGORY_ORDER.index(memory.category) if known else len(CATEGORY_ORDER)
    return rank, memory.observed_at, str(memory.id)
