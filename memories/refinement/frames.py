"""Sentences that can be true in one way only: "X's A is V", "X lives in V". Another V then replaces the first."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
_PERSON: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (attribute, re.compile(rf"^(?P<subject>.{{1,60}}?) {_NOW}{pattern} (?P<value>.+)$", re.IGNORECASE))
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
    r"[,;.](?:\s|$)|\s(?:because|since|but|and|which|who|where|when|due to|after)\b", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """What one thing is said to have exactly one of, and the value said."""

    subject: frozenset[str]
    attribute: frozenset[str]
    value: frozenset[str]

    def same_place(self, other: Slot) -> bool:
        """Whether both speak of the same property of the same subject."""
        return self.subject == other.subject and self.attribute == other.attribute


def slot_of(text: str) -> Slot | None:
    """The single-valued claim that `text` makes, if it is plainly one."""
    for attribute, pattern in _PERSON:
        if found := pattern.match(text):
            return _slot(found.group("subject"), attribute, found.group("value"))
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
    said = _stems(_VALUE_ENDS.split(value, maxsplit=1)[0])
    if len(said) > VALUE_MAX_WORDS:
        return None
    slot = Slot(subject=_stems(subject), attribute=_stems(attribute), value=said)
    return slot if slot.subject and slot.attribute and slot.value else None


def _stems(phrase: str) -> frozenset[str]:
    words = re.findall(r"[\w%]+", phrase.lower())
    return frozenset(stem(word) for word in words if word not in ("the", "a", "an", "now", "currently", "my", "our"))
