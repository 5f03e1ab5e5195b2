"""What the memories are searched for: the last user message, with what it leans on from the turn before.

Bounded to what the query embedder reads: a vector's cost grows with every token, and a long text's vector is about
everything and nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from context.words import content_words

QUERY_TOKENS = 64
"""The query embedder reads no more (LIMITS section 1: 12 ms; 128 tokens cost 26)."""
CONTEXT_TOKENS = 28
"""Of them, the most that the turn before may take: the question itself must weigh more."""
SCANNED_CHARACTERS = 4_096
"""Of a long text, the most that is looked at from either end."""
LEANING_CHARACTERS = 240
"""A longer message says itself what it is about."""
LEANING_WORDS = 2
"""A message that points ("it", "she") and has more words of its own than this names what it points at."""
_LETTERS_A_TOKEN = 6
_GOES_ON = re.compile(
    r"\s*(?:and|or|but|so|also|then|ok|okay|yes|yeah|yep|no|nope|sure|same|more"
    r"|why not|what about|how about|tell me more|go on)\b",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:it|its|that|this|one|ones|other|others|another|them|they|their|those|these|he|him|his|she|her|hers)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?。!?])\s+|\n+")


def build_query(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text to search with, of about QUERY_TOKENS tokens; empty when there is nothing to ask about."""
    at = last_user_index(messages)
    if at is None:
        return _bounded(text_of(messages[-1]), QUERY_TOKENS) if messages else ""
    asked = text_of(messages[at])
    if not leans_on_context(asked):
        return _bounded(asked, QUERY_TOKENS)
    asked = _bounded(asked, QUERY_TOKENS - CONTEXT_TOKENS)
    return " ".join(part for part in (_turn_before(messages, at), asked) if part)


def leans_on_context(asked: str) -> bool:
    """Whether `asked` cannot be understood alone: it goes on from something, or points at what it does not name."""
    if len(asked) > LEANING_CHARACTERS:
        return False
    words = content_words(asked)
    return not words or bool(_GOES_ON.match(asked)) or (len(words) <= LEANING_WORDS and bool(_POINTS.search(asked)))


def last_user_index(messages: Sequence[Mapping[str, Any]]) -> int | None:
    """Where the last message of the user is."""
    return next((i for i in range(len(messages) - 1, -1, -1) if messages[i].get("role") == "user"), None)


def text_of(message: Mapping[str, Any]) -> str:
    """A message's text: the string, or the text parts of multimodal content."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(text for part in parts if isinstance(part, dict) and isinstance(text := part.get("text"), str))


def _turn_before(messages: Sequence[Mapping[str, Any]], at: int) -> str:
    """The end of what the user said before, and of the answer to it: what "yes, that one" is about."""
    before = last_user_index(messages[:at])
    said = text_of(messages[before]) if before is not None else ""
    answers = [m for m in messages[(before or 0) : at] if m.get("role") == "assistant"]
    answer = text_of(answers[-1]) if answers else ""
    half = CONTEXT_TOKENS // 2
    return " ".join(part for part in (_end_of(said, half), _end_of(_last_sentence(answer), half)) if part)


def _bounded(text: str, limit: int) -> str:
    """All of a short text; of a long one the end that asks, or half from each end when neither does."""
    end = _end_of(text, limit)
    if len(text) <= SCANNED_CHARACTERS and len(end.split()) == len(text.split()):
        return end
    if "?" in _last_sentence(text):
        return end
    if "?" in _first_sentence(text):
        return _start_of(text, limit)
    return f"{_start_of(text, limit // 2)} {_end_of(text, limit // 2)}"


def _first_sentence(text: str) -> str:
    return next((part for part in _SENTENCE.split(text[:SCANNED_CHARACTERS]) if part.strip()), "")


def _last_sentence(text: str) -> str:
    parts = [part for part in _SENTENCE.split(text[-SCANNED_CHARACTERS:]) if part.strip()]
    return parts[-1] if parts else ""


def _start_of(text: str, limit: int) -> str:
    return " ".join(_within(text[:SCANNED_CHARACTERS].split(), limit))


def _end_of(text: str, limit: int) -> str:
    return " ".join(_within(text[-SCANNED_CHARACTERS:].split()[::-1], limit)[::-1])


def _within(words: Sequence[str], limit: int) -> list[str]:
    kept: list[str] = []
    spent = 0
    for word in words:
        spent += _tokens(word)
        if spent > limit:
            return kept or [word[: limit * _LETTERS_A_TOKEN]]
        kept.append(word)
    return kept


def _tokens(word: str) -> int:
    """A guess at wordpieces: common words are one, long and rare ones several, other scripts one a character."""
    return 1 + (len(word) - 1) // _LETTERS_A_TOKEN if word.isascii() else len(word)
