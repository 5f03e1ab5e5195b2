"""Sentences that can be true in one way only: "X's A is V", "X lives in V". Another V then replaces the first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from memories.refinement.guards import DATE_WORDS, dates
from memories.refinement.words import stem

_SINGLE_VALUED_WORDS = """
name age birthday location job income salary marital_status diet employer email phone address timezone language
deadline budget
"""
SINGLE_VALUED = frozenset(_SINGLE_VALUED_WORDS.split())
"""Attributes, as extraction names them, of which a subject has one at a time; so has every `….name`."""

VALUE_MAX_WORDS = 6
"""A longer one describes; it is not a value."""
_NOW = r"(?:now |currently |still |just |recently )?"
_CHANGED = (
    r"(?:(?:has|have) )?(?:now )?(?:was |were |been )?(?:changed|moved|raised|increased|lowered|reduced|cut|set|rose|"
    r"fell|went up|went down|dropped|grew|switched|updated|postponed|rescheduled|brought forward|extended)"
    r"(?: from [^,;]{1,40}?)? to"
)
_CHANGES = re.compile(_CHANGED, re.IGNORECASE)
_OWN = re.compile(
    r"^(?P<subject>.{1,60}?)(?:'s|\u2019s|s'|s\u2019) (?P<attribute>[\w -]{2,48}?) "
    rf"(?:is|are|became|will be|is now|{_CHANGED})\s+"
    r"(?!(?:\w+ed|paid|made|held|kept|sent|built|written|known|given|taken) (?:by|in|on|to|with|from|at)\b"
    r"|\w+ing\b)(?P<value>.+)$",
    re.IGNORECASE,
)
_THING = re.compile(
    rf"^(?P<subject>(?:the|our|my) .{{2,60}}?) (?P<attribute>{_NOW}(?:is|are|{_CHANGED}|runs on|listens on|"
    r"uses port|is set to|costs|is scheduled for|starts at|starts on|ends on|is due on|is due|closes at|opens at|"
    r"lives in|is stored in|is located in))"
    r" (?P<value>.+)$",
    re.IGNORECASE,
)
_WHO = r"(?P<subject>.{1,60}?)(?<! was)(?<! were)(?<! been)"
"""Not of what was done to a thing: "the wedding was moved to June"."""
_PERSON: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (attribute, re.compile(rf"^{_WHO} {_NOW}{pattern} (?P<value>.+)$", re.IGNORECASE))
    for attribute, pattern in (
        ("location", r"(?:(?:has |have )?(?:moved|relocated) to|lives? in|resides? in|is based in)"),
        ("employer", r"(?:works? (?:at|for)|(?:has |have )?joined(?= (?-i:[A-Z]))|is employed (?:at|by))"),
        ("job", r"(?:works? as|was promoted to|has been promoted to|became)"),
        ("age", r"(?:is|am|turned|just turned)(?= \d{1,3}(?:[.;]?$|,? (?:years?|now|and|today)\b))"),
        ("partner", r"(?:is married to|is engaged to|is dating)"),
    )
)
_PEOPLE = re.compile(r"^(?:the )?(?:user|customer|client|i|he|she|they|we)\b", re.IGNORECASE)
_VALUE_ENDS = re.compile(
    r"[,;.](?:\s|$)|\s(?:because|since|but|and|which|who|where|when|due to|after|recently|again|"
    r"(?:last|this) (?:week|month|year|summer|winter|spring|autumn))\b",
    re.IGNORECASE,
)
_SINCE = re.compile(
    rf"(?<=\w) (?:(?:back )?in|on|since|from|by) (?:early |late |mid-?|the )?"
    rf"(?:(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? )?(?:{DATE_WORDS})|(?:19|20)\d\d|spring|summer|autumn|fall|winter)\b",
    re.IGNORECASE,
)
"""When somebody came to live or work somewhere, which is no part of where."""
_ONE_AT_A_TIME = frozenset(
    stem(word)
    for word in (*SINGLE_VALUED, "employer", "partner", "location", "colour", "color", "favourite", "role", "position",
                 "status", "type", "provider", "bank", "manager", "boss", "owner", "default", "plan", "priority")
)  # fmt: skip
_CLOCK = re.compile(r"\b\d{1,2}(?::\d\d| ?[ap]\.?m\b| o'clock)|\b(?:noon|midnight)\b", re.IGNORECASE)
_DATED = re.compile(
    r"(?:(?:on|in|at|by|for|from) )?(?:the )?(?:\d|noon|midnight|(?-i:[A-Z])\w{2,}|(?:next|last|this|to)\s?\w)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[$€£]?\d[\d.,:/-]*%?")
_NAME = re.compile(r"(?:(?:the|an?) )?(?:\w+ )?[A-ZÀ-ÖØ-Þ]")
_IN_A_NUMBER = frozenset(
    stem(word) for word in ("about", "around", "now", "only", "port", "version", "to", "at", "years", "old")
)
_NEGATING = frozenset(("not", "no", "never"))
_PLACING = frozenset(("in", "at", "on", "by", "from", "with", "without", "of", "for", "under", "near"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """What one thing is said to have exactly one of, and the value said."""

    subject: frozenset[str]
    attribute: frozenset[str]
    value: frozenset[str]
    kind: str
    """What sort of value it is: a number with its unit, a date, a name, a place's preposition, or any word."""

    def rivals(self, other: Slot) -> bool:
        """Whether only one of the two can be true: another value of the same sort, in the same place."""
        return self.same_place(other) and self.kind == other.kind and self.value != other.value

    @property
    def holds_one_value(self) -> bool:
        """Whether its attribute has one value at a time by its name, whatever sort of value."""
        return bool(self.attribute & _ONE_AT_A_TIME) or "favorit" in self.attribute

    def same_place(self, other: Slot) -> bool:
        """Whether both speak of the same property of the same subject."""
        return self.subject == other.subject and self.attribute == other.attribute


@lru_cache(maxsize=8_192)
def slot_of(text: str) -> Slot | None:
    """The single-valued claim that `text` makes, if it is plainly one; kept for the pairs it will be compared in."""
    for attribute, pattern in _PERSON:
        if found := pattern.match(text):
            return _slot(found.group("subject"), attribute, _SINCE.split(found.group("value"), maxsplit=1)[0])
    if found := _OWN.match(text):
        return _slot(found.group("subject"), found.group("attribute"), found.group("value"))
    found = _THING.match(text)
    if found and not _PEOPLE.match(found.group("subject")):
        attribute = _CHANGES.sub("is", found.group("attribute"))
        return _slot(found.group("subject"), attribute, found.group("value"))
    return None


def is_single_valued(attribute: str) -> bool:
    """Whether extraction's `attribute` holds one value at a time."""
    return attribute in SINGLE_VALUED or attribute.endswith(".name")


def _slot(subject: str, attribute: str, value: str) -> Slot | None:
    told = _VALUE_ENDS.split(value, maxsplit=1)[0]
    said = _stems(told)
    if not said or len(said) > VALUE_MAX_WORDS:
        return None
    slot = Slot(subject=_stems(subject), attribute=_stems(attribute), value=said, kind=_kind(told))
    return slot if slot.subject and slot.attribute else None


def _kind(said: str) -> str:
    if _DATED.match(said) and (dates(said) or _CLOCK.search(said)):
        return "date"
    if _NUMBER.search(said):
        return f"number {' '.join(sorted(_stems(_NUMBER.sub(' ', said)) - _IN_A_NUMBER))}".strip()
    opening = said.split(maxsplit=1)[0].lower()
    if opening in _NEGATING:
        return "denied"
    if opening in _PLACING:
        return opening
    return "name" if _NAME.match(said) else "word"


def _stems(phrase: str) -> frozenset[str]:
    words = re.findall(r"[\w%]+", phrase.lower())
    return frozenset(stem(word) for word in words if word not in ("the", "a", "an", "now", "currently", "my", "our"))
