"""Third-person pronouns: resolved to the one person or thing of the turn that they can mean, else reported as open."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from memories.extraction.grounding import content_stems
from memories.extraction.lexicon import (
    EITHER,
    FEMALE,
    MALE,
    MANY,
    PETS,
    is_adverb,
    is_participle,
    is_verb_form,
    word_set,
    words_of,
)

_KIND_OF = (
    dict.fromkeys(FEMALE, "she")
    | dict.fromkeys(MALE, "he")
    | dict.fromkeys(EITHER, "anyone")
    | dict.fromkeys(PETS, "pet")
    | dict.fromkeys(MANY, "they")
)
_RELATION = re.compile(
    r"\b(?i:my|our) (?:(?:[\w-]+ ){0,2}?)(?P<noun>" + "|".join(sorted(_KIND_OF, key=len, reverse=True)) + r")\b(?!'s)"
    r"(?P<name>,? [A-Z][\w-]+,?)?",
)
_NAME = re.compile(
    r"(?<![.!?\w] )(?<!^)\b[A-Z][a-z]+(?: [A-Z][a-z]+)?\b|^[A-Z][a-z]+(?='s\b| (?:is|was|has|works|lives|helps?|who"
    r"|told|said|says|asked|wants|loves|likes|hates|thinks|moved|bought|called|came|invited)\b)"
)
_NOT_NAMES = word_set(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december english german french spanish italian chinese japanese it this that what
    there here he she they everything everyone yes no
    """
)
_PLACE_BEFORE = re.compile(r"\b(?:in|at|to|from|near|for|of|with the)\s+$")

_FITS = {
    **dict.fromkeys(("he", "his", "him"), ("he", "anyone", "name", "pet")),
    **dict.fromkeys(("she", "her"), ("she", "anyone", "name", "pet")),
    **dict.fromkeys(("they", "their", "them"), ("they",)),
    **dict.fromkeys(("it", "its"), ("pet",)),
}
_POSSESSIVE = frozenset(("his", "their", "its"))
_LEADING = re.compile(r"^(?P<word>he|she|they|it|his|her|their|its)(?P<tail>'(?:s|re|ve|d|ll))?\b", re.IGNORECASE)
_PERSONAL = re.compile(r"\b(?P<word>he|she|him|her|his)\b", re.IGNORECASE)
_DEMONSTRATIVE_SUBJECT = re.compile(
    r"^(?:this|that|these|those|such|here|there|the (?:former|latter|same))\b(?!'s why)", re.IGNORECASE
)
_EXPLETIVE = re.compile(
    r"^it(?:'s| is| was| feels| takes| makes)(?: (?!\w+ed\b)[\w']+){1,3} (?:to|that|when|how)\b"
    r"|^it(?:'s| is| was)? (?:late|rain|snow)",
    re.IGNORECASE,
)
_EXISTENTIAL = re.compile(r"^there(?:'(?:s|re)| is| are| was| were)\b", re.IGNORECASE)
_POINTING = re.compile(
    r"\b(?:this|these|those|such)\b(?! (?:morning|afternoon|evening|year|week|month|summer|as)\b)", re.IGNORECASE
)
_PRONOUN = re.compile(
    r"\b(?:it|its|them|they|their)\b(?! (?:when|that|if|here|there)\b|'s \w+ (?:to|that)\b)", re.IGNORECASE
)
_THERE = re.compile(
    r"^(?:I|we|my \w+|our \w+)(?:'ve| have| had|'m| am| was| were)? (?:\w+ly |also |still |just )*[a-z]+ there\b",
    re.IGNORECASE,
)
_NAMING_WORDS = 2  # content words after which "it" and "they" mean something named in the clause itself


@dataclass(slots=True)
class Referents:
    """People and things named so far in one turn, latest last."""

    named: list[tuple[str, str]] = field(default_factory=list)  # (kind, phrase)

    def note(self, clause: str) -> None:
        """Remember whom and what a clause names."""
        for found in _RELATION.finditer(clause):
            noun = found.group("noun").lower()
            self._add(_KIND_OF[noun], found.group().rstrip(" ,"))
        for found in _NAME.finditer(clause):
            if found.group().lower() not in _NOT_NAMES and not _PLACE_BEFORE.search(clause[: found.start()]):
                self._add("name", found.group())

    def _add(self, kind: str, phrase: str) -> None:
        if not any(phrase.lower() in known.lower() for _, known in self.named):
            self.named.append((kind, phrase))

    def only(self, word: str) -> str:
        """The one phrase that a pronoun can mean, or an empty string when there is none or more than one."""
        fitting = [phrase for kind, phrase in self.named if kind in _FITS[word]]
        return fitting[0] if len(fitting) == 1 else ""

    def resolve(self, clause: str) -> str | None:
        """The clause with its leading or personal pronouns named; None when one of them stays open."""
        if _EXPLETIVE.match(clause) or _EXISTENTIAL.match(clause):
            return clause
        if leading := _LEADING.match(clause):
            return self._resolve_leading(clause, leading)
        if _DEMONSTRATIVE_SUBJECT.match(clause) or _points_at_nothing(clause):
            return None
        return self._resolve_personal(clause)

    def _resolve_leading(self, clause: str, leading: re.Match[str]) -> str | None:
        word = leading.group("word").lower()
        possessive = word in _POSSESSIVE or (word == "her" and not leading.group("tail"))
        phrase = self.only(word)
        if not phrase:
            return None
        rest = clause[leading.end() :]
        if possessive:
            return f"{_owner(phrase)}{rest}"
        return f"{phrase}{_expanded(leading.group('tail') or '', rest)}{rest}"

    def _resolve_personal(self, clause: str) -> str | None:
        found = _PERSONAL.search(clause)
        if not found:
            return clause
        own = Referents()
        own.note(clause[: found.start()])
        word = found.group("word").lower()
        if own.only(word):
            return clause
        phrase = self.only(word)
        if not phrase:
            return None
        after = words_of(clause[found.end() :])
        is_owner = word == "his" or (
            word == "her" and bool(after) and not is_verb_form(after[0]) and after[0] not in _NOT_OWNED
        )
        return clause[: found.start()] + (_owner(phrase) if is_owner else phrase) + clause[found.end() :]


_NOT_OWNED = word_set(
    """
    a about after again and as at because before but by every for from in into on or since so than that the to
    when with
    """
)


def leans_on_context(clause: str) -> bool:
    """Whether the clause points at something said elsewhere ("these practices", "it") before naming anything itself."""
    if _POINTING.search(clause):
        return True
    return _points_at_nothing(clause)


def _points_at_nothing(clause: str) -> bool:
    """Whether "it" or "they" comes before anything that it could mean: "I made it with milk"."""
    pronoun = _PRONOUN.search(clause)
    if pronoun is None:
        return bool(_THERE.search(clause))
    before = clause[: pronoun.start()]
    names = [word for word in words_of(before) if not (is_adverb(word) or is_verb_form(word)) and content_stems(word)]
    return not names or len(content_stems(before)) < _NAMING_WORDS


def _owner(phrase: str) -> str:
    return phrase + ("'" if phrase.endswith("s") else "'s")


def _expanded(tail: str, rest: str) -> str:
    following = (words_of(rest) or [""])[0]
    if tail == "'s":
        return " has" if is_participle(following) and following != "called" else " is"
    return {"": "", "'re": " are", "'ve": " have", "'d": " would", "'ll": " will"}[tail]
