"""The words of a text that carry its meaning, and how much two texts share of them.

It stands in for vectors where there are none: a hot memory has no vector on the desk, and when the cold search is late
its relevance still has to be judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

_WORD = re.compile(r"\w+")
_ASCII_WORDS = bytes(ord(chr(code).lower()) if _WORD.match(chr(code)) else ord(" ") for code in range(128)).ljust(256)
"""Of each byte, its lower case, or a space where it is part of no word: a fifth of what the expression costs."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STEM_MIN = 3
CACHED_TEXTS = 4_096
"""Messages of a history come back call after call; a sentence takes about 1 KiB."""
CACHED_MEMORIES = 30_000
"""As many as a process has copies of (`memories.retrieval.held`): each call finds others. About 0.25 KiB each."""
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
    return frozenset(_found(text))


@lru_cache(maxsize=CACHED_MEMORIES)
def words_of(content: str) -> tuple[str, ...]:
    """The same of a memory or an excerpt, each once: a quarter of the room that a set takes."""
    return tuple(_found(content))


def _found(text: str) -> list[str]:
    stops = _stop_stems()
    found: Iterable[str]
    if text.isascii():
        found = map(_stems.__getitem__, text.encode().translate(_ASCII_WORDS).decode().split())
    else:
        found = chain.from_iterable(map(_parts, _WORD.findall(text.lower())))
    return [stem for stem in dict.fromkeys(found) if stem not in stops]


def shared_words(query: str, texts: Sequence[str]) -> list[float]:
    """Of each text, how much it shares with `query`: the cosine of their sets of words, where rare words weigh more.

    0 for nothing in common, 1 for the same words; so it is on the scale of a calibrated relevance.
    """
    wanted = _found(query)
    if not wanted or not texts:
        return [0.0] * len(texts)
    holders, masses = _weighed(tuple(texts))
    shared, whole = [0.0] * len(texts), 0.0
    for word in wanted:
        weight, places = holders.get(word) or (math.log(1 + len(texts)), ())
        whole += weight
        for place in places:
            shared[place] += weight
    return [both and both / math.sqrt(whole * mass) for both, mass in zip(shared, masses, strict=True)]


@lru_cache(maxsize=CACHED_SETS)
def _weighed(texts: tuple[str, ...]) -> tuple[dict[str, tuple[float, list[int]]], list[float]]:
    """What each word weighs among the texts, with the places of those that have it; and what the words of each text
    weigh together. What stands on a desk is asked call after call.
    """
    holders: dict[str, list[int]] = {}
    known = [words_of(text) for text in texts]
    for place, words in enumerate(known):
        for word in words:
            holders.setdefault(word, []).append(place)
    weights = {word: math.log(1 + len(texts) / len(places)) for word, places in holders.items()}
    masses = [sum(weights[word] for word in words) for words in known]
    return {word: (weight, holders[word]) for word, weight in weights.items()}, masses


def _parts(word: str) -> Sequence[str]:
    if _UNSPACED.search(word):
        return [word[i : i + 2] for i in range(max(1, len(word) - 1))]
    return (_stems[word],)


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
