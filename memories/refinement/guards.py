"""Reasons why two texts that look alike do not say the same.

A vector cannot see them (QUALITY section 2: contradictions of one changed word have an average cosine of .84), so each
is checked word by word. A guard that is wrong costs a second memory, which a person may merge; a missing one a fact.
"""

from __future__ import annotations

from enum import StrEnum

from memories.refinement.words import opposed, traits

MAX_EXTRA_SHARE = 1 / 8
"""How much the richer text may add: more than this share of its content words makes it another memory."""


class Difference(StrEnum):
    """What two texts disagree in."""

    NUMBERS = "numbers"
    NEGATION = "negation"
    NAMES = "names"
    ANTONYMS = "antonyms"
    WORDS = "words"


def difference(left: str, right: str) -> Difference | None:
    """The first thing that `left` and `right` disagree in; None when one says what the other says, or more of it."""
    a, b = traits(left), traits(right)
    if a.numbers != b.numbers:
        return Difference.NUMBERS
    if bool(a.negations) != bool(b.negations):
        return Difference.NEGATION
    if a.names - b.words or b.names - a.words:
        return Difference.NAMES
    if opposed(a, b):
        return Difference.ANTONYMS
    only_left, only_right = a.words - b.words, b.words - a.words
    if only_left and only_right:
        return Difference.WORDS
    extra, richer = max((only_left, a.words), (only_right, b.words), key=lambda side: len(side[0]))
    if len(extra) > MAX_EXTRA_SHARE * len(richer):
        return Difference.WORDS
    return None
