"""Which candidates only repeat what stands in this conversation.

What the user says is learned within seconds, and is on topic in the next turn, so it would be found and told back at
once. A memory that was learned from this very session, and whose words the caller's history still holds, is left out;
one whose turn the application has cut off meanwhile is not. An excerpt is left out whatever session it is of: the same
conversation may go on under another name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from context.injectable import Injectable
from context.query import text_of
from context.restated import has_most_of
from context.values import Candidate
from context.words import content_words, words_of

VISIBLE_SHARE = 0.8
"""Of a memory's words: a memory names who and when, which its turn may not."""
READ_CHARACTERS = 16_000
"""Of the history, the most that is read, latest first: about 2 ms when it is read for the first time."""
_SPEAKING = ("user", "assistant")


def repeated(
    candidates: Sequence[Candidate], session_id: UUID | None, messages: Sequence[Mapping[str, Any]], at: int
) -> set[UUID]:
    """Ids of those that were learned here, or are excerpts, and can still be read before the message at index `at`."""
    memories = [one.memory for one in candidates]
    found = _quoted([memory for memory in memories if memory.is_excerpt], messages, at)
    # By the number of an id: Python's own UUID takes ten times as long to compare.
    here = session_id.int if session_id is not None else None
    own = [memory for memory in memories if (learned := memory.session_id) is not None and learned.int == here]
    if not own:
        return found
    said = _words_of(messages[:at])
    for memory in own:
        words = words_of(memory.content)
        if words and len(said.intersection(words)) >= VISIBLE_SHARE * len(words):
            found.add(memory.id)
    return found


def _quoted(excerpts: Sequence[Injectable], messages: Sequence[Mapping[str, Any]], at: int) -> set[UUID]:
    """Ids of the excerpts that stand in the messages word for word, or say no more than the question at `at` asks."""
    if not excerpts:
        return set()
    texts = [text_of(message) for message in messages[: at + 1] if message.get("role") in _SPEAKING]
    asked = content_words(text_of(messages[at])[:READ_CHARACTERS])
    return {
        excerpt.id
        for excerpt in excerpts
        if has_most_of(frozenset(words_of(excerpt.content)), asked) or any(excerpt.content in text for text in texts)
    }


def _words_of(messages: Sequence[Mapping[str, Any]]) -> set[str]:
    words: set[str] = set()
    left = READ_CHARACTERS
    for message in reversed(messages):
        if message.get("role") in _SPEAKING and left > 0:
            text = text_of(message)[:left]
            words |= content_words(text)
            left -= len(text)
    return words
