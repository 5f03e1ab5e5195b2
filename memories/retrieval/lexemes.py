"""The words of a question as PostgreSQL's full-text search knows them, asked once a word instead of once a question.

What stands between spaces and plain punctuation means the same alone as in a sentence, so its lexemes are kept; a text
with anything else in it (addresses, paths, hyphens, other scripts) goes to PostgreSQL whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ibex.core.database import hot_connection
from memories.embedding.cache import LruCache

WORDS_MAX = 50_000
"""Words kept in a process; about 150 bytes each."""
_PLAIN = re.compile(r"[A-Za-z0-9\s,!?;:()\"']*(?:\.(?:\s|$)[A-Za-z0-9\s,!?;:()\"']*)*")
_WORD = re.compile(r"[A-Za-z0-9]+")
_ASK_WORDS = """
    SELECT word, tsvector_to_array(to_tsvector('english', word)) FROM unnest(%s::text[]) AS asked(word)
"""
_ASK_TEXT = "SELECT tsvector_to_array(to_tsvector('english', %s))"

_known: LruCache[str, tuple[str, ...]] = LruCache(WORDS_MAX)


async def lexemes_of(text: str) -> list[str]:
    """The lexemes of `text`, sorted, each once. Raises psycopg's errors when the vault is away and a word is new."""
    if not _PLAIN.fullmatch(text):
        return [*(await _ask(_ASK_TEXT, text))[0][0]]
    words = {word.lower() for word in _WORD.findall(text)}
    found = {word: _of(word) for word in words}
    if unknown := [word for word, lexemes in found.items() if lexemes is None]:
        for word, lexemes in await _ask(_ASK_WORDS, unknown):
            found[word] = tuple(lexemes)
            _known.put(word, tuple(lexemes))
    return sorted({lexeme for lexemes in found.values() for lexeme in lexemes or ()})


def _of(word: str) -> tuple[str, ...] | None:
    """Numbers stand for themselves."""
    return (word,) if word.isdecimal() else _known.get(word)


async def _ask(statement: str, given: str | Sequence[str]) -> list[Any]:
    async with hot_connection() as connection:
        return await (await connection.execute(statement, [given])).fetchall()
