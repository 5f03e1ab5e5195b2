"""Third-person pronouns: resolved to the one person or thing of the turn that they can mean, else reported as open."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from memories.extraction.lexicon import EITHER, FEMALE, MALE, MANY, PETS, is_participle, is_verb_form, words_of

_KIND_OF = (
    {word: "she" for word in FEMALE}
    | {word: "he" for word in MALE}
    | {word: "anyone" for word in EITHER}
    | {word: "it" for word in PETS}
    | {word: "they" for word in MANY}
)
_RELATION = re.compile(
    r"\b(?i:my|our) (?:(?:[\w-]+ ){0,2}?)(?P<noun>" + "|".join(sorted(_KIND_OF, key=len, reverse=True)) + r")\b(?!['’]s)"
    r"(?P<name>,? [A-Z][\w-]+,?)?",
)
_OWNED = re.compile(r"\b(?i:my|our) (?:new |old |first )?(?P<noun>[a-z][\w-]+)\b(?!['’]s)")
_NAME = re.compile(r"(?<![.!?\w] )(?<!^)\b[A-Z][a-z]+(?: [A-Z][a-z]+)?\b|^[A-Z][a-z]+(?=['’]s\b| (?:is|was|has|works|lives|helps?|who)\b)")
_NOT_NAMES = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december english german french spanish italian chinese japanese it this that what there here he she
    they everything everyone yes no""".split()
)
_PLACE_BEFORE = re.compile(r"\b(?:in|at|to|from|near|for|of|with the)\s+$")

_FITS = {
    "he": ("he", "anyone", "name", "it-pet"), "his": ("he", "anyone", "name", "it-pet"), "him": ("he", "anyone", "name", "it-pet"),
    "she": ("she", "anyone", "name", "it-pet"), "her": ("she", "anyone", "name", "it-pet"),
    "they": ("they",), "their": ("they",), "them": ("they",),
    "it": ("it-pet", "thing"), "its": ("it-pet", "thing"),
}  # fmt: skip
_POSSESSIVE = frozenset(("his", "their", "its"))
_LEADING = re.compile(r"^(?P<word>he|she|they|it|his|her|their|its)(?P<tail>['’](?:s|re|ve|d|ll))?\b", re.I)
_PERSONAL = re.compile(r"\b(?P<word>he|she|him|her|his)\b", re.I)
_DEMONSTRATIVE_SUBJECT = re.compile(r"^(?:this|that|these|those|such|here|there|the (?:former|latter|same))\b(?!['’]s why)", re.I)
_EXPLETIVE = re.compile(
    r"^it(?:['’]s| is| was| feels| takes| makes)\b.*?\b(?:to|that|for me|for us|when|how)\b|^it(?:['’]s| is) (?:raining|late|snowing)", re.I
)
_EXISTENTIAL = re.compile(r"^there(?:['’](?:s|re)| is| are| was| were)\b", re.I)
_WEAK = re.compile(r"\b(?:this|that|these|those|such|it|them|they)\b(?! (?:morning|year|week|month|i|we|my)\b)", re.I)


@dataclass(slots=True)
class Referents:
    """People and things named so far in one turn, latest last."""

    named: list[tuple[str, str]] = field(default_factory=list)  # (kind, phrase)

    def note(self, clause: str) -> None:
        """Remember whom and what a clause names."""
        for found in _RELATION.finditer(clause):
            noun = found.group("noun").lower()
            kind = "it-pet" if noun in PETS else _KIND_OF[noun]
            self._add(kind, found.group().rstrip(" ,"))
        for found in _NAME.finditer(clause):
            if found.group().lower() not in _NOT_NAMES and not _PLACE_BEFORE.search(clause[: found.start()]):
                self._add("name", found.group())
        for found in _OWNED.finditer(clause):
            if found.group("noun") not in _KIND_OF:
                self._add("thing", found.group())

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
        if _DEMONSTRATIVE_SUBJECT.match(clause):
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
        is_owner = word == "his" or (word == "her" and bool(after) and not is_verb_form(after[0]) and after[0] not in _NOT_OWNED)
        return clause[: found.start()] + (_owner(phrase) if is_owner else phrase) + clause[found.end() :]


_NOT_OWNED = frozenset("a about after again and as at because before but by every for from in into on or since so than that the to when with".split())


def leans_on_context(clause: str) -> bool:
    """Whether the clause points at something said elsewhere ("these practices", "it") before naming anything itself."""
    return bool(_WEAK.search(clause))


def _owner(phrase: str) -> str:
    return phrase + ("'" if phrase.endswith("s") else "'s")


def _expanded(tail: str, rest: str) -> str:
    tail = tail.replace("’", "'")
    following = (words_of(rest) or [""])[0]
    if tail == "'s":
        return " has" if is_participle(following) and following != "called" else " is"
    return {"": "", "'re": " are", "'ve": " have", "'d": " would", "'ll": " will"}[tail]
