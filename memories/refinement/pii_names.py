"""Names of people, for organizations that do not want them kept.

A modest recogniser: a title and a name, a name that the text introduces as one ("my name is", "his wife …"), and given
names of pii_given_names.txt with the surnames that follow them. It does not know surnames that stand alone, given names
that are not in the list or are words as well (Will, Rose, Paris), names without capitals or in other than Latin script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

Hits = Iterator[tuple[int, int, float]]

GIVEN_NAMES_FILE = Path(__file__).with_name("pii_given_names.txt")
INTRODUCED = 0.9  # the text itself says that it is a name
LISTED = 0.85  # a given name of the list

_CAPITAL = "A-ZÀ-ÖØ-ÞŁŚŻŹŽŠČĆĐŘŞİ"
_PART = rf"[{_CAPITAL}][^\W\d_]{{1,30}}(?:['\u2019-][{_CAPITAL}][^\W\d_]{{1,30}})?"
_NOT_A_NAME = (
    r"(?!(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|May|June|July|August|September|October"
    r"|November|December|The|This|That|A|An|I|From|With|When|And|But|For|Not|In|On|At|He|She|They|We|You|It|Is|Was|My|Our|Street"
    r"|German|English|French|Spanish|Italian|Python|Java)\b)"
)
_SURNAMES = (
    rf"(?:\s(?:[{_CAPITAL}]\.\s)?(?:(?:van|von|de|da|del|der|den|di|la|le|bin|al)\s){{0,2}}{_NOT_A_NAME}{_PART}){{0,3}}"
)
_RELATION = (
    "wife|husband|spouse|partner|girlfriend|boyfriend|fianc\u00e9e?|son|daughter|child|baby|brother|sister|twin|mother|mom|mum"
    "|father|dad|parents|grandmother|grandfather|grandma|grandpa|aunt|uncle|cousin|niece|nephew|friend|neighbou?r|roommate"
    "|flatmate|boss|manager|supervisor|colleague|coworker|co-worker|assistant|mentor|doctor|dentist|therapist|lawyer"
    "|teacher|professor|coach|trainer|landlord|landlady|client"
)
_INTRODUCED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<!\w)(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Herr|Frau|Fräulein|Madame|Mme|Monsieur|Señora?|Sra?|Signora?|Sir|Lady)\.?\s"
        rf"(?P<name>{_NOT_A_NAME}{_PART}{_SURNAMES})",
        rf"\b(?:(?:[Mm]y|[Hh]is|[Hh]er|[Tt]heir|[Ss])\s(?:\w{{1,10}}\s)?name(?:'s|\u2019s|\sis|\swas|:)|[Cc]all(?:ed|s)?\s(?:me|him|her|them)|[Hh]ei(?:ß|ss)e|[Mm]'appelle|[Mm]e\sllamo|[Mm]i\schiamo)"
        rf"\s(?:now\s)?(?P<name>{_NOT_A_NAME}{_PART}{_SURNAMES})",
        rf"\b(?:{_RELATION}|user|he|she|I)(?:'s|\u2019s|'m|\sis|\sam|\swas)?\s(?:called|named)\s(?P<name>{_NOT_A_NAME}{_PART}{_SURNAMES})",
        rf"\b(?:{_RELATION}),?\s(?:is\s)?(?P<name>{_NOT_A_NAME}{_PART}{_SURNAMES})",
    )
)
_CANDIDATE = re.compile(rf"(?<![\w.@/-])(?P<given>{_PART})(?P<more>{_SURNAMES})(?![\w@])")


def names(text: str) -> Hits:
    """Where people are named, as far as this module can tell."""
    for pattern in _INTRODUCED:
        yield from ((*match.span("name"), INTRODUCED) for match in pattern.finditer(text))
    yield from _listed(text)


def _listed(text: str) -> Hits:
    """From a listed given name to the end of the capitalised words that follow it."""
    for match in _CANDIDATE.finditer(text):
        words = re.finditer(rf"[^\W\d_]+(?:['\u2019-][{_CAPITAL}][^\W\d_]+)?", match[0])
        start = next((word.start() for word in words if re.split("['\u2019-]", word[0])[0] in _given_names()), None)
        if start is not None:
            yield match.start() + start, match.end(), LISTED


@lru_cache(maxsize=1)
def _given_names() -> frozenset[str]:
    return frozenset(GIVEN_NAMES_FILE.read_text(encoding="utf-8").split())
