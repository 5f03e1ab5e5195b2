"""Memories as the model reads them: data in escaped elements, in a block whose name cannot be guessed.

The text depends on the memories, the nonce and the wording alone: no score, no rank, no time of now.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from xml.sax.saxutils import escape

from context.desk_read import HotMemory
from context.wording import DEFAULT, Wording
from ibex.core.tokens import DEFAULT_ENCODING, count

CATEGORY_ORDER = ("procedural", "factual", "preference", "behavioral", "episodic")
NONCE_BYTES = 6
"""A memory is written before the nonce of its block is made, and is escaped besides: 48 bits are for good measure."""

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
    return secrets.token_hex(NONCE_BYTES)


def render(memories: Sequence[HotMemory], nonce: str, wording: Wording = DEFAULT) -> str:
    """One block: a sentence, then an element for each memory, by category and then by the time it was learned."""
    tag = f"memories-{nonce}"
    elements = [element(memory, wording) for memory in sorted(memories, key=_place)]
    has_procedures = any(memory.category == "procedural" for memory in memories)
    introduction = wording.introduction_with_procedures if has_procedures else wording.introduction
    return "\n".join([introduction, f"<{tag}>", *elements, f"</{tag}>"])


def element(memory: HotMemory, wording: Wording = DEFAULT) -> str:
    """`<memory category="…" observed="YYYY-MM-DD">…</memory>`.

    `since` is there where it became true on another day, `source` where it was not learned from a conversation.
    """
    return f"{_opening(memory, wording)}{seen(memory.content)}</memory>"


def seen(content: str) -> str:
    """The content as it stands in a block: escaped, and without what a reader could not see."""
    return escape(_UNSEEN.sub("", content), _ESCAPED)


def element_tokens(memory: HotMemory, encoding: str = DEFAULT_ENCODING, wording: Wording = DEFAULT) -> int:
    """Upper bound of the tokens of `element(memory)`: its content was counted when it was written."""
    opening = _opening(memory, wording)
    return (
        memory.tokens
        + _count(re.sub(r"\d", "0", opening) + "</memory>\n", encoding)
        + _SEAM_TOKENS
        + _ENTITY_TOKENS * len(_SPECIAL.findall(memory.content))
    )


def block_tokens(encoding: str = DEFAULT_ENCODING, wording: Wording = DEFAULT) -> int:
    """Upper bound of the tokens of a block without its memories: the longer sentence, and the element's name twice."""
    tag = "memories-" + "0a" * NONCE_BYTES
    frame = f"{wording.introduction_with_procedures}\n<{tag}>\n</{tag}>"
    return _count(frame, encoding) + 2 * NONCE_BYTES


@lru_cache(maxsize=256)
def _count(frame: str, encoding: str) -> int:
    """Frames are few: those of a category, with and without the attributes that come and go."""
    return count(frame, encoding)


def _opening(memory: HotMemory, wording: Wording) -> str:
    observed = _day(memory.observed_at)
    since = _day(memory.valid_from) if memory.valid_from is not None else observed
    validity = f' since="{since}"' if since != observed else ""
    source = f' source="{wording.sources[memory.source]}"' if memory.source in wording.sources else ""
    return f'<memory category="{escape(memory.category, _ESCAPED)}" observed="{observed}"{validity}{source}>'


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).date().isoformat()


def _place(memory: HotMemory) -> tuple[int, float, str]:
    known = memory.category in CATEGORY_ORDER
    rank = CATEGORY_ORDER.index(memory.category) if known else len(CATEGORY_ORDER)
    return rank, memory.observed_at, str(memory.id)
