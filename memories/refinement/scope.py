"""How surely, when and where a claim holds. A wish, an exception or a memory of earlier days takes nothing back."""

from __future__ import annotations

import re
from functools import lru_cache

from memories.refinement.guards import dates
from memories.refinement.predicate import clause_of

_SUPPOSED = re.compile(
    r"\b(?:(?-i:may|might)|could|would|wish(?:es|ed)?|hop(?:es?|ed|ing) (?:to|that|for)|dream\w*|worr(?:y|ies|ied)|"
    r"(?:think|thinks|thinking|thought) (?:about|of)|consider(?:s|ed|ing)?|discuss\w*|wonder\w*|debat\w+|"
    r"asked? (?:for|whether|if)|wants? to|would like|(?:is|am|are) (?:not|un)\s?sure|perhaps|maybe|possibly|probably|"
    r"(?:tries|try|trying) to|plans? to|planning to|had an interview|thinks? that|fears? that|if|unless|in case)\b"
    r"|'d (?:like|love|rather)\b",
    re.IGNORECASE,
)
"""What is wished, feared, planned or supposed."""
_EVERY = r"every|each|most|all"
_NARROWED = re.compile(
    r"\b(?:when(?:ever)?|until|only|except|but not|sometimes|rarely|occasionally|now and then|during|while|"
    r"as long as|at night|in the (?:morning|afternoon|evening|rain|snow|dark|heat|cold|test\w*|city|country\w*)|"
    r"in (?:winter|summer|spring|autumn|urgent|special|rare|emergenc\w+|test\w*|letters?|public|private)|"
    rf"on (?!(?:{_EVERY}|the|schedule|time)\b)(?:\w+days?|weekends?|holidays?|(?:a )?special|vacation)|"
    r"(?:after|before) (?:noon|lunch|dinner|work|midnight|dark|\d+|one|two|three|four|five|six|seven|eight|nine|ten)|"
    r"for (?:tests?|money|fun|work)|with (?:friends|family|guests|colleagues))\b",
    re.IGNORECASE,
)
"""That something is so at certain times or places only."""
_EARLIER = re.compile(
    r"\b(?:as a (?:child|kid|boy|girl|student|teenager|baby)|when (?:he|she|they|i|the user) (?:was|were)|used to|"
    r"formerly|previously|at (?:school|university|college)|in (?:(?:his|her|my|their) )?(?:youth|childhood)|"
    r"in the (?:\w+ties|army|past)|until|before|ago|for \w+ years|(?:last|first) (?:week|month|year|winter|summer|"
    r"spring|autumn|time|night)|in (?:19|20)\d\d|during (?:his|her|my|their) \w+)\b",
    re.IGNORECASE,
)
"""Signs that a claim tells of earlier days."""
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def same_scope(newer: str, older: str) -> bool:
    """Whether the newer claim holds as surely, as widely and at the same time as the older one, so that one can be
    taken back by the other. An older claim that held at certain times only is open to a general one.
    """
    same_time = is_earlier(newer) == is_earlier(older) and _same_moments(newer, older)
    return same_time and holds_as_widely(newer, older)


def holds_as_widely(newer: str, older: str) -> bool:
    """Whether neither is only supposed, and the newer one is no exception from the older."""
    return is_supposed(newer) == is_supposed(older) and not narrowings(newer) - narrowings(older)


@lru_cache(maxsize=8_192)
def is_supposed(text: str) -> bool:
    """Whether `text` tells of what may be, or of what somebody wishes."""
    return _SUPPOSED.search(text) is not None


@lru_cache(maxsize=8_192)
def is_earlier(text: str) -> bool:
    """Whether `text` tells of earlier days."""
    return clause_of(text).is_past or _EARLIER.search(text) is not None


@lru_cache(maxsize=8_192)
def narrowings(text: str) -> frozenset[str]:
    """The words of `text` that say when or where only it is so."""
    return frozenset(found.group().lower() for found in _NARROWED.finditer(text))


def _same_moments(newer: str, older: str) -> bool:
    new, old = dates(newer), dates(older)
    if new and old and new != old:
        return False
    return set(_YEAR.findall(newer)) == set(_YEAR.findall(older))
