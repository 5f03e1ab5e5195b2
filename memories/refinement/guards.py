"""Reasons why two texts that look alike do not say the same.

A vector cannot see them (QUALITY section 2: contradictions of one changed word have an average cosine of .84), so each
is checked word by word. A guard that is wrong costs a second memory, which a person may merge; a missing one a fact.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from memories.refinement.words import opposed, traits

MAX_EXTRA_SHARE = 1 / 8
"""How much the richer text may add: more than this share of its content words makes it another memory."""


_MONTHS = """
january february april june july august september october november december jan feb apr jun jul aug sep sept oct nov dec
"""
_WEEKDAYS = """
monday tuesday wednesday thursday friday saturday sunday
"""
_UNITS = "week|weekend|month|quarter|year|spring|summer|autumn|winter|night"
_DATE = re.compile(
    rf"\b(?:(?P<word>{'|'.join((*_MONTHS.split(), 'today', 'tonight', 'tomorrow', 'yesterday'))})"
    rf"|(?P<day>{'|'.join(_WEEKDAYS.split())})s?|(?P<unit>(?:last|this|next) (?:{_UNITS})))\b",
    re.IGNORECASE,
)
MONTH_LETTERS = 3
"""That tell months apart: "Sept" and "September" are one."""
_WHOLE = frozenset(_WEEKDAYS.split()) | {"today", "tonight", "tomorrow", "yesterday"}
_MONTHS_THAT_ARE_VERBS = re.compile(r"\b(?:May|March|Mar)\b")


class Difference(StrEnum):
    """What two texts disagree in."""

    NUMBERS = "numbers"
    NEGATION = "negation"
    DATES = "dates"
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
    if dates(left) != dates(right):
        return Difference.DATES
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


@lru_cache(maxsize=8_192)
def dates(text: str) -> frozenset[str]:
    """The months, weekdays and relative days that `text` names; its numbers are another guard's."""
    named = {found[str(found.lastgroup)].lower() for found in _DATE.finditer(text)}
    named |= {found.group().lower() for found in _MONTHS_THAT_ARE_VERBS.finditer(text)}
    return frozenset(name if name in _WHOLE or " " in name else name[:MONTH_LETTERS] for name in named)
