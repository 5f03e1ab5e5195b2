"""Likes and dislikes: what a claim says is liked or not, and whether two claims are about the same thing."""

from __future__ import annotations

import re

from memories.refinement.claims import Pair
from memories.refinement.scope import narrowings
from memories.refinement.words import stem, traits

_LIKING_WORDS = """
like love enjoy prefer appreciate favorite adore fond embrace include interested favour favor fascinate passionate
crazy
"""
_LIKING = frozenset(stem(word) for word in _LIKING_WORDS.split())
_LOATHING_WORDS = """
dislike hate avoid loathe detest despise aversion refuse fear shun
"""
_LOATHING = frozenset(stem(word) for word in _LOATHING_WORDS.split())
_TURNING_WORDS = """
not no never don't doesn't didn't can't cannot won't stopped without hardly
"""
_TURNS = frozenset(stem(word) for word in _TURNING_WORDS.split())
_CLAUSE_ENDS = re.compile(
    r"[,;.]|\b(?:reason|because|since|which|who|aiming|appreciating|aligning|after|due to|for (?:its|their))\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_IN_OTHER_WORDS = (
    (re.compile(r"\b(?:steer\w* clear of|(?:stay|keep)\w* away from|can(?:not|'t| not) (?:stand|bear))\b"), "hate"),
    (
        re.compile(r"\b(?:(?:is|am|are) )?(?:bored (?:by|with)|(?:afraid|terrified|scared|tired|sick) of|against)\b"),
        "hate",
    ),
    (re.compile(r"\b(?:is|am|are) in favou?r of\b"), "love"),
    (re.compile(r"\b(?:not (?:a fan of|keen on|into)|isn't (?:a fan of|keen on|into))\b"), "dislike"),
    (re.compile(r"\b(?:(?:is|am|a big|a huge) (?:fan of|keen on)|can't get enough of)\b"), "love"),
)
_REACH = 3
"""Words before a verb of taste in which a negation turns it round."""
TASTE_COSINE = 0.6
"""Below it, all that the older one names must come back: tastes of things less alike are no opposites."""
SAME_SHARE = 0.5
"""Share of the shorter one's words that both have when they speak of the same thing."""
_DOMAIN_WORDS = """
movie film watch series cinema, music listen song band concert, book novel read reading author, game play gaming,
food eat cuisine dish cook, pet animal, sport exercise, travel trip tour destination, beverage drink,
clothing fashion style wear
"""
_DOMAINS = [frozenset(map(stem, words.split())) for words in _DOMAIN_WORDS.split(",")]
"""What tastes are about in general, one kind a group: sharing only these is not being about the same thing."""
_GENERAL = frozenset().union(*_DOMAINS) | {stem("genre"), stem("interest"), stem("experience")}
TASTE_WORDS = _LIKING | _LOATHING | {stem(word) for word in ("preference", "list", "reason", "updated")}


def mood(text: str) -> int:
    """1 for liking, -1 for disliking, 0 for neither; "don't like" is a dislike, "no longer hate" a liking. What is
    said first is the claim; a taste named later explains it.
    """
    words = [stem(word) for word in _WORD.findall(_plain(text))]
    for at, word in enumerate(words):
        found = (word in _LIKING) - (word in _LOATHING)
        if found:
            return -found if _TURNS & set(words[max(0, at - _REACH) : at]) else found
    return 0


def about_the_same_thing(pair: Pair, *, is_told: bool = False) -> bool:
    """Whether the first clauses of both share what is liked or not; why it is so stands in later ones. `is_told`: the
    newer one itself speaks of a change, so that less of a likeness will do.
    """
    ignored = TASTE_WORDS | _GENERAL | pair.subjects
    said = [_first_clause(claim.content) for claim in (pair.newer, pair.older)]
    new, old = (words - ignored for words in said)
    shared = new & old
    if _of_other_kinds(*said):
        return False
    if pair.cosine < TASTE_COSINE:
        return shared == old and len(shared) > (0 if is_told else 1)
    return len(shared) >= max(1, SAME_SHARE * min(len(new), len(old)))


def is_of_just_that(pair: Pair) -> bool:
    """Whether both are about the same and nothing less: not "sushi" and "sushi from the supermarket"."""
    ignored = TASTE_WORDS | _TURNS | pair.subjects
    new, old = (_first_clause(claim.content) - ignored for claim in (pair.newer, pair.older))
    return new == old and narrowings(pair.newer.content) == narrowings(pair.older.content)


def _of_other_kinds(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one is about films, say, and the other about books."""
    kinds, others = ({at for at, kind in enumerate(_DOMAINS) if kind & words} for words in (one, other))
    return bool(kinds and others) and not kinds & others


def _first_clause(text: str) -> frozenset[str]:
    # Lower case: a capital inside ("Horror films") would make a name of what is liked.
    return traits(_CLAUSE_ENDS.split(_plain(text), maxsplit=1)[0]).words


def _plain(text: str) -> str:
    """In lower case, each taste in one verb."""
    plain = text.lower().replace("\u2019", "'")
    for phrase, verb in _IN_OTHER_WORDS:
        plain = phrase.sub(verb, plain)
    return plain
