"""The words of a text that carry its meaning, and how much two texts share of them.

It stands in for vectors where there are none: a hot memory has no vector on the desk, and when the cold search is late
its relevance still has to be judged.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

_WORD = re.compile(r"\w+")
_ASCII_WORDS = bytes(ord(chr(code).lower()) if _WORD.match(chr(code)) else ord(" ") for code in range(128)).ljust(256)
"""Of each byte, its lower case, or a space where it is part of no word: a fifth of what the expression costs."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STEM_MIN = 3
CACHED_TEXTS = 4_096
"""Hot memories come back call after call; about 2.5 KiB each."""
STEMS_KEPT = 50_000
"""About 150 bytes each; the words of an agent come back far more often than its texts. Beyond it all are forgotten."""
CACHED_SETS = 64
"""Desks, of which a busy process sees a few at a time; about 40 KiB each."""

# Words of a question, or of a memory's frame ("The user ..."), that say nothing about its subject.
_STOP_WORDS = """
a about after all also am an and any are as at be because been but by can could d did didn do does doesn doing don
done for from get give go got had has have having he hello her here hers hey hi him his how i if in into is isn it
its just know let ll m may me more most much my myself no not now of off ok okay on once only or other our out over
own please re s she should so some such t tell than thank thanks that the their them then there these they thing
this those to too up us user users ve very was wasn we were what when where which while who whom whose why will
with won would yes you your yours yourself
"""


@lru_cache(maxsize=CACHED_TEXTS)
def content_words(text: str) -> frozenset[str]:
    """Stems of what `text` is about. Scripts without spaces are cut into pairs of characters."""
    if text.isascii():
        words = text.encode().translate(_ASCII_WORDS).decode().split()
        return frozenset(map(_stems.__getitem__, words)) - _stop_stems()
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        if _UNSPACED.search(word):
            found.update(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        else:
            found.add(_stems[word])
    return frozenset(found - _stop_stems())


def shared_words(query: str, texts: Sequence[str]) -> list[float]:
    """Of each text, how much it shares with `query`: the cosine of their sets of words, where rare words weigh more.

    0 for nothing in common, 1 for the same words; so it is on the scale of a calibrated relevance.
    """
    wanted = content_words(query)
    if not wanted or not texts:
        return [0.0] * len(texts)
    sets, weights = _weighed(tuple(texts))
    unseen = math.log(1 + len(texts))

    def mass(words: frozenset[str]) -> float:
        return sum(weights.get(word, unseen) for word in words)

    whole = mass(wanted)
    both = (wanted & words for words, _ in sets)
    return [
        mass(common) / math.sqrt(whole * of_text) if common else 0.0
        for common, (_, of_text) in zip(both, sets, strict=True)
    ]


@lru_cache(maxsize=CACHED_SETS)
def _weighed(texts: tuple[str, ...]) -> tuple[list[tuple[frozenset[str], float]], dict[str, float]]:
    """The words of each text with their weight together, and what each word weighs among them. What stands on a desk
    is asked call after call.
    """
    sets = [content_words(text) for text in texts]
    appearances = Counter(word for words in sets for word in words)
    weights = {word: math.log(1 + len(texts) / times) for word, times in appearances.items()}
    return [(words, sum(weights[word] for word in words)) for words in sets], weights


def _without_ending(word: str) -> str:
    for ending in ("ing", "ied", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_MIN:
            word = word[: -len(ending)] + ("y" if ending.startswith("ie") else "")
            break
    if len(word) > _STEM_MIN and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > _STEM_MIN else word


class _Stems(dict[str, str]):
    """Of words that were met. A dictionary, because one that is known costs a fifth of a cached call."""

    def __missing__(self, word: str) -> str:
        """Numbers stand for themselves: there is no end of them, and each would be remembered."""
        if word.isdecimal():
            return word
        if len(self) >= STEMS_KEPT:
            self.clear()
        stem = self[word] = _without_ending(word)
        return stem


_stems = _Stems()


@lru_cache(maxsize=1)
def _stop_stems() -> frozenset[str]:
    return frozenset(_without_ending(word) for word in _STOP_WORDS.split())
