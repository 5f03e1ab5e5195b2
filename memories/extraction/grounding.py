"""Does the turn support the claim? A pure check of words, numbers, names and negation, for every extractor.

A model may word a memory its own way, but it may not bring a number or a name that was not said, turn a "not" around,
or share next to no words with its evidence (HaluMem's lesson: a memory must carry words found in its source turn).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from memories.extraction.contract import Candidate, Role, Turn
from memories.extraction.dates import resolve_dates
from memories.extraction.lexicon import straight, word_set, words_of
from memories.extraction.relative import NUMBERS
from memories.extraction.spans import day_span

MIN_SHARED_WORDS = 0.5  # share of the claim's content words that the turn must hold

_SCAFFOLD = word_set(
    """
    a about after all also am an and any are as at be because been before being but by can could did do does doing
    don't for from had has have having he her hers him his how i if in into is it its it's just kinda me more most my no
    nor not of off on once only or other our out over own same she should so some such than that the their them
    then there these they this those through to too under until up very was we were what when where which while
    who whom why will with would you your user user's users assistant others team family called named want wants
    """
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'-]+")
_NO_NAMES = word_set(
    "i i'm i've i'd i'll me my mine we we're our you you're you've your yours he she they his her their it"
)
"""Capitals in mid-sentence, where a sentence was joined to another as it stood: "and You live in Lisbon"."""
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|without|nor|neither|cannot|hardly|stopp?\w*|quit|avoid\w*|\w+n't)\b", re.IGNORECASE
)
_NUMBER_WORDS = {word: str(number) for word, number in NUMBERS.items() if not word.startswith("a")}
# Longest first.
_ENDINGS = (
    "ations", "ingly", "ation", "ments", "ment", "ness", "ings", "ing",
    "ied", "ies", "ers", "ed", "er", "es", "ly", "s", "e", "y",
)  # fmt: skip
_MIN_STEM = 3
_VOWELS = "aeiou"  # before a "y" that stays: play, enjoy


@dataclass(frozen=True, slots=True)
class Ground:
    """What one side said in a turn, read once for all its claims."""

    said: str
    said_at: datetime
    stems: frozenset[str]
    numbers: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, turn: Turn, role: Role) -> Ground:
        said = turn.user_text if role == "user" else turn.assistant_text
        source = f"{straight(said)} {turn.speaker} {day_span(turn.said_at.date()).words}"
        return cls(said, turn.said_at, _stems(source), numbers_in(source), words_in(source))

    def supports(self, content: str, evidence: str) -> bool:
        """Whether `evidence` was said, and `content` says no more than that."""
        if not evidence or evidence not in self.said:
            return False
        evidence, content = straight(evidence), straight(content)
        dated = resolve_dates(evidence, self.said_at).text
        return (
            numbers_in(content) <= self.numbers | numbers_in(dated)
            and names_in(content) <= self.words | words_in(dated)
            and _negates(content) == _negates(evidence)
            and _shared(content_stems(content), self.stems | content_stems(dated)) >= MIN_SHARED_WORDS
        )


def is_grounded(candidate: Candidate, turn: Turn) -> bool:
    """Whether `turn` supports the candidate: its evidence was said there, and the claim adds nothing of its own."""
    return Ground.of(turn, candidate.role).supports(candidate.content, candidate.evidence)


def shares_words(content: str, source: str) -> bool:
    """Whether enough of the content words of `content` are found in `source`."""
    return _shared(content_stems(content), content_stems(source)) >= MIN_SHARED_WORDS


def _shared(stems: frozenset[str], source: frozenset[str]) -> float:
    return len(stems & source) / len(stems) if stems else 1.0


@lru_cache(maxsize=4096)
def content_stems(text: str) -> frozenset[str]:
    """The stems of the words of a sentence that carry meaning, numbers included."""
    return _stems(text)


def _stems(text: str) -> frozenset[str]:
    words = {stem(word) for word in words_of(text) if word.partition("'")[0] not in _SCAFFOLD and word not in _SCAFFOLD}
    return frozenset(words | numbers_in(text))


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without its inflection, crudely: enough to match "moving", "moved" and "move"."""
    word = word.removesuffix("'s").removesuffix("'")
    for ending in _ENDINGS:
        root = word.removesuffix(ending)
        if root != word and len(root) >= _MIN_STEM and not (ending == "y" and root[-1] in _VOWELS):
            return root
    return word


def numbers_in(text: str) -> frozenset[str]:
    """The numbers of a text in digits, those among them that were written as words."""
    digits = {number.replace(",", "") for number in _NUMBER.findall(text)}
    return frozenset(digits | {_NUMBER_WORDS[word] for word in words_of(text) if word in _NUMBER_WORDS})


def names_in(text: str) -> frozenset[str]:
    """What has a capital in mid-sentence, in lower case."""
    return frozenset(part for name in _NAME.findall(text) for part in words_in(name)) - _NO_NAMES


def words_in(text: str) -> frozenset[str]:
    """All words of a text, in lower case."""
    return frozenset(word.lower().removesuffix("'s") for word in re.findall(r"[\w']+", text))


def _negates(text: str) -> bool:
    return bool(_NEGATION.search(text))
