"""Who speaks in a turn: "I" is the user, and "we" whom the turn names beside the user, as far as it plainly does."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from memories.extraction.lexicon import FAMILY_WORDS, TEAM_OR_NOT, TEAM_WORDS, is_verb_form, straight, words_of

_COMPANION = re.compile(
    r"\b(?:my|with my) (wife|husband|partner|girlfriend|boyfriend|fiancée?|family|team|sister|brother|parents"
    r"|kids|children)\b",
    re.IGNORECASE,
)
_NAMED_COMPANION = re.compile(r"\b([A-Z][a-z]+) and I\b|\b(?:I|me) and ([A-Z][a-z]+)\b")
_BEFORE_A_THING = frozenset(("in", "at", "to", "from", "of", "on", "near", "like", "the", "a", "an", "my", "our"))
_OWN_FAMILY = re.compile(rf"\b(?:my|our|the)(?: \w+)? (?:{'|'.join(sorted(FAMILY_WORDS))})\b", re.IGNORECASE)
_TELLING_TOGETHER = 2  # words that a team uses, and others do too, from which "we" is a team
_AS_A_COUPLE = re.compile(
    r"\bwe(?:'re| are|'ve| have|'d| had| got| just| finally| recently| both| are getting)* "
    r"(?:(?:got|getting) )?(?:married|divorced|engaged|separated|broke up|split up|eloped)\b",
    re.IGNORECASE,
)
# What somebody cannot do or be alone: here "we" is the user and others.
_NUMBER = r"(?:two|three|four|five|\d+)"
_SEVERAL = re.compile(
    r"\bwe(?:'re| are|'ve| have|'d| had| first| got)* (?:both|all|each|met|married|divorced|engaged|separated|broke up"
    rf"|split up|dating|(?<=are ){_NUMBER})\b|\b(?:both|all|most|some|many|none|{_NUMBER}) of us\b"
    rf"|\bus (?:both|all|{_NUMBER})\b|\beach other\b|\bone another\b|\btogether\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who can be the subject of a sentence."""

    subject: str  # as it stands at the beginning of a sentence
    plural: bool = False

    @property
    def inside(self) -> str:
        """The form within a sentence."""
        return self.subject[:1].lower() + self.subject[1:] if self.subject.startswith("The ") else self.subject

    @property
    def possessive(self) -> str:
        return self.inside + ("'" if self.inside.endswith("s") and self.plural else "'s")


def narrator(speaker: str) -> Party:
    """Who says "I": the speaker by name where it is known, else the user."""
    return Party(speaker.strip() or "The user")


def _group_of(context: str, teller: Party) -> Party:
    """Who says "we": the companion named in the context, the team, the family; else the user, of whom it is true."""
    if (companion := _COMPANION.search(context)) and companion.group(1).lower() not in ("team", "family"):
        return Party(f"{teller.subject} and their {companion.group(1).lower()}", plural=True)
    for named in _NAMED_COMPANION.finditer(context):
        before = next(reversed(words_of(context[: named.start()])), "")
        if named.group(2) or not (before in _BEFORE_A_THING or is_verb_form(before)):
            return Party(f"{teller.subject} and {named.group(1) or named.group(2)}", plural=True)
    owner = teller.possessive if teller.subject != "The user" else "The user's"
    words = set(words_of(context))
    if words & TEAM_WORDS or len(words & TEAM_OR_NOT) >= _TELLING_TOGETHER:
        return Party(f"{owner} team")
    if _OWN_FAMILY.search(context):
        return Party(f"{owner} family")
    return teller


@dataclass(frozen=True, slots=True)
class Voices:
    """Who speaks in a turn: "I" and "we"."""

    teller: Party
    group: Party


def voices_of(speaker: str, context: str) -> Voices:
    """The voices of a turn whose whole text is `context`."""
    teller = narrator(speaker)
    return Voices(teller, _group_of(straight(context), teller))


def heard_in(clause: str, voices: Voices) -> Voices:
    """The voices of one clause: what somebody cannot do alone is done with "others" where nobody is named."""
    if not voices.group.plural and _AS_A_COUPLE.search(clause):
        return replace(voices, group=Party(f"{voices.teller.subject} and their partner", plural=True))
    if voices.group is voices.teller and _SEVERAL.search(clause):
        return replace(voices, group=Party(f"{voices.teller.subject} and others", plural=True))
    return voices
