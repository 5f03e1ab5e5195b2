"""Likes and dislikes: what a claim says is liked or not, and whether two claims are about the same thing."""

from __future__ import annotations

import re

from memories.refinement.claims import Pair
from memories.refinement.words import stem, traits

_LIKING_WORDS = """
like love enjoy prefer appreciate favorite adore fond embrace include interested favour favor
"""
_LIKING = frozenset(stem(word) for word in _LIKING_WORDS.split())
_LOATHING_WORDS = """
dislike hate avoid loathe detest despise aversion refuse fear
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
_REACH = 3
"""Words before a verb of taste in which a negation turns it round."""
TASTE_COSINE = 0.6
"""Below it, all that the older one names must come back: tastes of things less alike are no opposites."""
SAME_SHARE = 0.5
"""Share of the shorter one's words that both have when they speak of the same thing."""
_DOMAIN_WORDS = """
movie film music book novel game food pet sport travel beverage drink clothing fashion style genre read watch eat
play listen wear cuisine interest experience
"""
_DOMAINS = frozenset(stem(word) for word in _DOMAIN_WORDS.split())
"""What tastes are about in general: sharing only these is not being about the same thing."""
TASTE_WORDS = _LIKING | _LOATHING | {stem(word) for word in ("preference", "list", "reason", "updated")}


def mood(text: str) -> int:
    """1 for liking, -1 for disliking, 0 for neither; "don't like" is a dislike, "no longer hate" a liking. What is
    said first is the claim; a taste named later explains it.
    """
    words = [stem(word) for word in _WORD.findall(text.lower().replace("\u2019", "'"))]
    for at, word in enumerate(words):
        found = (word in _LIKING) - (word in _LOATHING)
        if found:
            return -found if _TURNS & set(words[max(0, at - _REACH) : at]) else found
    return 0


def about_the_same_thing(pair: Pair) -> bool:
    """Whether the first clauses of both share what is liked or not; why it is so stands in later ones."""
    ignored = TASTE_WORDS | _DOMAINS | pair.subjects
    new, old = (_first_clause(claim.content) - ignored for claim in (pair.newer, pair.older))
    shared = new & old
    if pair.cosine < TASTE_COSINE:
        return len(shared) > 1 and shared == old
    return len(shared) >= max(1, SAME_SHARE * min(len(new), len(old)))


def _first_clause(text: str) -> frozenset[str]:
    # Lower case: a capital inside ("Horror films") would make a name of what is liked.
    return traits(_CLAUSE_ENDS.split(text.lower(), maxsplit=1)[0]).words
