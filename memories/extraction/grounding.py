"""Does the turn support the claim? A pure check of words, numbers, names and negation, for every extractor.

A model may word a memory its own way, but it may not bring a number or a name that was not said, turn a "not" around, or
share next to no words with its evidence (HaluMem's lesson: a memory must carry words found in its source turn).
"""

from __future__ import annotations

import re
from datetime import datetime

from memories.extraction.contract import Candidate, Turn
from memories.extraction.dates import resolve_dates
from memories.extraction.lexicon import words_of

MIN_SHARED_WORDS = 0.5  # share of the claim's content words that the turn must hold

_SCAFFOLD = frozenset(
    """a about after all also am an and any are as at be because been before being but by can could did do does doing don't for from had
    has have having he her hers him his how i if in into is it its it's just me more most my no nor not of off on once only or other
    our out over own same she should so some such than that the their them then there these they this those through to too
    under until up very was we were what when where which while who whom why will with would you your
    user user's users assistant others team family called named want wants""".split()
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'-]+")
_NEGATION = re.compile(r"\b(?:not|no|never|none|nothing|without|nor|neither|cannot|hardly|stopp?\w*|quit|avoid\w*|\w+n['’]t)\b", re.I)
_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_ENDINGS = ("ations", "ation", "ingly", "ments", "ment", "ness", "ings", "ing", "ied", "ies", "ers", "ed", "er", "es", "ly", "s", "e", "y")
_MIN_STEM = 3


def is_grounded(candidate: Candidate, turn: Turn) -> bool:
    """Whether `turn` supports the candidate: its evidence was said there, and the claim adds nothing of its own."""
    said = turn.user_text if candidate.role == "user" else turn.assistant_text
    if not candidate.evidence or candidate.evidence not in said:
        return False
    dated = resolve_dates(candidate.evidence, turn.said_at).text
    source = f"{said} {dated} {turn.speaker} {_calendar(turn.said_at)}"
    return (
        _numbers(candidate.content) <= _numbers(source)
        and _names(candidate.content) <= set(_folded(source))
        and _keeps_negation(candidate)
        and shares_words(candidate.content, source)
    )


def shares_words(content: str, source: str) -> bool:
    """Whether enough of the content words of `content` are found in `source`."""
    stems = content_stems(content)
    return not stems or len(stems & content_stems(source)) / len(stems) >= MIN_SHARED_WORDS


def content_stems(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning, numbers included."""
    words = {stem(word) for word in words_of(text) if word not in _SCAFFOLD}
    return frozenset(words | _numbers(text))


def stem(word: str) -> str:
    """A word without its inflection, crudely: enough to match "moving", "moved" and "move"."""
    word = word.removesuffix("'s").removesuffix("'")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word[: -len(ending)]
    return word


def _numbers(text: str) -> set[str]:
    digits = {number.replace(",", "") for number in _NUMBER.findall(text)}
    return digits | {_NUMBER_WORDS[word] for word in words_of(text) if word in _NUMBER_WORDS}


def _names(text: str) -> set[str]:
    return {part for name in _NAME.findall(text) for part in _folded(name)}


def _folded(text: str) -> list[str]:
    return [word.lower().removesuffix("'s").removesuffix("’s") for word in re.findall(r"[\w'’]+", text)]


def _calendar(said_at: datetime) -> str:
    """The words by which a date of the turn may be named."""
    return f"{said_at.day} {said_at:%B} {said_at.year}"


def _keeps_negation(candidate: Candidate) -> bool:
    """A claim may not say "not" where its evidence does not, nor the other way round."""
    return bool(_NEGATION.search(candidate.content)) == bool(_NEGATION.search(candidate.evidence))
