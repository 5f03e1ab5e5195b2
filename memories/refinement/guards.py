"""Reasons why two texts that look alike do not say the same.

A vector cannot see them (QUALITY section 2: contradictions of one changed word have an average cosine of .84), so each
is checked word by word. A guard that is wrong costs a second memory, which a person may merge; a missing one a fact.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from memories.refinement.predicate import clause_of
from memories.refinement.words import opposed, stem, traits

MAX_EXTRA_SHARE = 1 / 8
"""How much the richer text may add: more than this share of its content words makes it another memory."""


_MONTHS = """
january february april june july august september october november december jan feb apr jun jul aug sep sept oct nov dec
"""
_WEEKDAYS = """
monday tuesday wednesday thursday friday saturday sunday
"""
_VERBS_TOO = "May|March|Mar"
DATE_WORDS = "|".join((f"(?-i:{_VERBS_TOO})", *_MONTHS.split(), *(f"{day}s?" for day in _WEEKDAYS.split())))
"""Months and weekdays, as alternatives of a pattern."""
_UNITS = "week|weekend|month|quarter|year|spring|summer|autumn|winter|night"
_DATE = re.compile(
    rf"\b(?:(?P<word>{'|'.join((*_MONTHS.split(), 'today', 'tonight', 'tomorrow', 'yesterday'))})"
    rf"|(?P<day>{'|'.join(_WEEKDAYS.split())})s?|(?P<unit>(?:last|this|next) (?:{_UNITS})))\b",
    re.IGNORECASE,
)
MONTH_LETTERS = 3
"""That tell months apart: "Sept" and "September" are one."""
_MARK = re.compile(
    r"(?<![\w.,)-])[-+\u2212](?=\d)|[€$£¥₹₽¢°‰]|[\u00bc-\u00be\u2150-\u215e]"
    r"|(?<!\w)[B-HJ-Z](?:\+\+|\#|[+-](?!\w))?(?![\w'\u2019])"
    r"|(?<!\w)(?:A|AB|O)[+-](?!\w)|(?<=\w )A(?=$|[.,;!?])"
)
_MODAL = re.compile(r"\b(?:may(?-i:(?<!May))|might|must|will|would|could|should|shall)\b", re.IGNORECASE)
_HE = frozenset(("he", "him", "his"))
_GENDERED = re.compile(r"\b(?:he|him|his|she|her|hers)\b", re.IGNORECASE)
_COMPARED = re.compile(r"\b(?:over|than|instead of|before|after|to|into)\b", re.IGNORECASE)
_NAME_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LISTED = re.compile(r"[A-Z]\w+(?:,| and| or| &) [A-Z]")
_WHOLE = frozenset(_WEEKDAYS.split()) | {"today", "tonight", "tomorrow", "yesterday"}
_MONTHS_THAT_ARE_VERBS = re.compile(rf"\b(?:{_VERBS_TOO})\b")


class Difference(StrEnum):
    """What two texts disagree in."""

    NUMBERS = "numbers"
    NEGATION = "negation"
    DATES = "dates"
    NAMES = "names"
    ANTONYMS = "antonyms"
    CERTAINTY = "certainty"
    WORDS = "words"


def difference(left: str, right: str) -> Difference | None:
    """The first thing that `left` and `right` disagree in; None when one says what the other says, or more of it."""
    a, b = traits(left), traits(right)
    if a.numbers != b.numbers or marks(left) != marks(right):
        return Difference.NUMBERS
    if bool(a.negations) != bool(b.negations):
        return Difference.NEGATION
    if dates(left) != dates(right):
        return Difference.DATES
    if a.names - b.words or b.names - a.words or _in_other_roles(left, right, a.names | b.names):
        return Difference.NAMES
    if opposed(a, b) or swapped(left, right):
        return Difference.ANTONYMS
    if certainty(left) != certainty(right):
        return Difference.CERTAINTY
    only_left, only_right = a.words - b.words, b.words - a.words
    if only_left and only_right:
        return Difference.WORDS
    extra, richer = max((only_left, a.words), (only_right, b.words), key=lambda side: len(side[0]))
    if len(extra) > MAX_EXTRA_SHARE * len(richer):
        return Difference.WORDS
    return None


@lru_cache(maxsize=8_192)
def marks(text: str) -> frozenset[str]:
    """What tells numbers and letters apart beside their digits: signs, currencies, fractions, "plan B", "C++"."""
    return frozenset(found.group() for found in _MARK.finditer(text))


@lru_cache(maxsize=8_192)
def certainty(text: str) -> frozenset[str]:
    """How sure `text` is that it is so, and so today: modal verbs, whether it asks, whether it tells of the past."""
    asks = {"?"} if text.rstrip().endswith("?") else set()
    clause = clause_of(text)
    past = {"past"} if clause.is_past or clause.verb.endswith("ed") else set()
    return frozenset(asks | past | {found.group().lower() for found in _MODAL.finditer(text)})


def swapped(left: str, right: str) -> bool:
    """Whether the same words stand on the other sides of what compares or orders them: "tea over coffee"."""
    (before, after), (others_before, others_after) = _sides(left), _sides(right)
    return bool((before & others_after) - others_before and (others_before & after) - before)


@lru_cache(maxsize=8_192)
def _sides(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The content words before and after what `text` compares or orders by; none where it does not."""
    before, *after = _COMPARED.split(text, maxsplit=1)
    return (traits(before).words, traits(after[0]).words) if after else (frozenset(), frozenset())


def _in_other_roles(left: str, right: str, names: frozenset[str]) -> bool:
    """Whether the same names change places ("Anna pays Ben"), or a he is a she."""
    if _genders(left) | _genders(right) == {"he", "she"} and _genders(left) != _genders(right):
        return True
    one, other = (_order(text, names) for text in (left, right))
    return len(set(one)) > 1 and set(one) == set(other) and one != other


@lru_cache(maxsize=8_192)
def _genders(text: str) -> frozenset[str]:
    return frozenset("he" if found.group().lower() in _HE else "she" for found in _GENDERED.finditer(text))


def _order(text: str, names: frozenset[str]) -> list[str]:
    joined = _LISTED.sub(" ", text)
    if joined != text:
        return []  # "Anna and Ben" are "Ben and Anna"
    words = (stem(word.lower().removesuffix("'s")) for word in _NAME_WORD.findall(text.replace("\u2019", "'")))
    return [word for word in words if word in names]


@lru_cache(maxsize=8_192)
def dates(text: str) -> frozenset[str]:
    """The months, weekdays and relative days that `text` names; its numbers are another guard's."""
    named = {found[str(found.lastgroup)].lower() for found in _DATE.finditer(text)}
    named |= {found.group().lower() for found in _MONTHS_THAT_ARE_VERBS.finditer(text)}
    return frozenset(name if name in _WHOLE or " " in name else name[:MONTH_LETTERS] for name in named)
