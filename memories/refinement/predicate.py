"""A short claim as a row of words: of whom it speaks, and what it says of them.

No grammar is parsed: the first auxiliary, else the first word with a verb's ending, is where the saying begins. Where
none is found in a claim that opens like a noun, all of it counts as what it speaks of, and nothing is opposed to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from memories.refinement.words import NEGATIONS, stem

_TOKEN = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W_]+)*\d*|\d+(?:[.,:/-]\d+)*%?")
_PRESENT_WORDS = """
is are am isn't aren't has have hasn't haven't can cannot does do doesn't don't
"""
_PAST_WORDS = """
was were wasn't weren't had hadn't could couldn't did didn't used
"""
_MODAL_WORDS = """
will would wouldn't may might must mustn't should shouldn't shall
"""
_PRONOUN_WORDS = """
i we you they he she it
"""
_OPENING_WORDS = """
the a an my our his her their your this that these those
"""
_PASSING_WORDS = """
now currently anymore more at all really just still longer also always actually any
"""
_PAST = frozenset(_PAST_WORDS.split())
_AUXILIARIES = frozenset((*_PRESENT_WORDS.split(), *_MODAL_WORDS.split())) | _PAST
_PRONOUNS = frozenset(_PRONOUN_WORDS.split())
_OPEN_A_NOUN = frozenset(_OPENING_WORDS.split())
_IN_PASSING = frozenset(_PASSING_WORDS.split())
"""Adverbs that change nothing about what is so at present."""
_THERE = (("is",), ("are",), ("was",), ("were",))
_DO_SUPPORT = frozenset(("do", "does", "did"))
_ARTICLES = frozenset(("a", "an", "the", "any", "no"))
_PLAIN_NEGATIONS = frozenset(("not", "no", "never"))
_CONTRACTED = (
    (re.compile(r"\bcan(?:not|'t)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\b(i|we|you|they)'ve\b"), r"\1 have"),
    (re.compile(r"\b(we|you|they)'re\b"), r"\1 are"),
)
_VERB = re.compile(r"\w{2,}(?:[^\Ws']s|ed)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """The words of a claim in their order, in lower case, and where what it says begins."""

    words: tuple[str, ...]
    begins: int
    is_absence: bool = False
    """Whether it says that there is none of something: its subject is what it denies."""

    @property
    def subject(self) -> tuple[str, ...]:
        """Stems of whom or what it speaks of, with what tells it from others of its kind; none for the user."""
        return self._subject(self.begins)

    def subject_before(self, opening: str) -> tuple[str, ...]:
        """The subject, where it must stand within the `opening` words of the text."""
        return self._subject(min(self.begins, len(_tokens(opening))))

    def _subject(self, ends: int) -> tuple[str, ...]:
        said = (word for word in self.words[:ends] if word not in _OPEN_A_NOUN | _PRONOUNS | _IN_PASSING)
        return tuple(stem(word) for word in said if word not in NEGATIONS and word not in ("user", "user's"))

    @property
    def verb(self) -> str:
        """The word that what it says begins with; empty where none is found."""
        return self.words[self.begins] if self.begins < len(self.words) else ""

    @property
    def is_past(self) -> bool:
        """Whether it tells of what was."""
        return self.verb in _PAST

    @property
    def said(self) -> tuple[str, ...]:
        """Stems of all its words but negations, "do", articles and adverbs in passing: equal for a claim and its
        denial.
        """
        left_out = _DO_SUPPORT | _ARTICLES | _IN_PASSING | _PLAIN_NEGATIONS
        return tuple(_form(word) for word in self.words if word not in left_out)

    @property
    def is_denied(self) -> bool:
        """Whether it says "not", "no" or "never"."""
        return bool(_PLAIN_NEGATIONS & set(self.words))


_FORMS = {"has": "have", "had": "have", "am": "be", "is": "be", "are": "be"}


def _form(word: str) -> str:
    return _FORMS.get(word) or stem(word)


@lru_cache(maxsize=8_192)
def clause_of(text: str) -> Clause:
    """`text` as a row of words."""
    words = _tokens(text)
    if is_absence := words[:1] == ("there",) and words[1:2] in _THERE:
        words = words[2:]
    return Clause(words=words, begins=_begins(words), is_absence=is_absence and words[:1] == ("no",))


def _tokens(text: str) -> tuple[str, ...]:
    plain = text.lower().replace("\u2019", "'")
    for short, full in _CONTRACTED:
        plain = short.sub(full, plain)
    return tuple(found.group() for found in _TOKEN.finditer(plain))


def _begins(words: tuple[str, ...]) -> int:
    if words[:1] and words[0] in _PRONOUNS:
        return 1
    if words[:2] == ("the", "user"):
        return 2
    for at, word in enumerate(words):
        if word in _AUXILIARIES:
            return at
    for at, word in enumerate(words[1:], start=1):
        opens_a_noun = words[at - 1] in _OPEN_A_NOUN or words[at - 1].endswith("'s")
        if _VERB.fullmatch(word) and not opens_a_noun:
            return at
    return len(words) if words[:1] and words[0] in _OPEN_A_NOUN else 0
