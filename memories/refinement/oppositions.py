"""Two claims of which one says the opposite of the other: the same words but for a negation, or for one opposite.

Sure only where the rest is word for word the same and holds as widely. A denial that says more than the claim denies
less ("no tea after eight"); one that says less denies all of it ("no tea").
"""

from __future__ import annotations

from collections.abc import Sequence

from memories.choices import Relation
from memories.refinement.claims import Judgement, Pair
from memories.refinement.guards import swapped
from memories.refinement.predicate import Clause, clause_of
from memories.refinement.scope import narrowings, same_scope
from memories.refinement.words import are_opposites, denied, denies_in_passing, opposed

SURE, UNSURE = 0.85, 0.65
LEAST_SHARED = 2
TURNED_SHARE = 0.55
"""Share of the shorter one's content words that both have when they speak of the same thing."""
_PLAIN_WORDS = """
not no never longer don't doesn't didn't isn't aren't can't cannot won't hasn't haven't wasn't weren't wouldn't
shouldn't mustn't
"""
_PLAIN = frozenset(_PLAIN_WORDS.split())
"""Negations that only deny; others tell of a deed as well ("quit")."""
_JOINS = frozenset(("be", "in", "on", "at", "to", "of", "for", "with", "by", "and", "or"))


def opposition(pair: Pair) -> Judgement | None:
    """Whether the newer claim says the opposite of the older one."""
    new, old = clause_of(pair.newer.content), clause_of(pair.older.content)
    of_one = new.subject == old.subject or new.is_absence or old.is_absence
    if not of_one or not same_scope(pair.newer.content, pair.older.content):
        return None
    if denies_in_passing(pair.newer.content) or denies_in_passing(pair.older.content):
        return None
    if found := _denial(pair, new, old):
        return found
    if new.subject != old.subject:
        return None
    return _other_way_round(pair) or _opposite_word(new, old) or _turned_round(pair)


def _denial(pair: Pair, new: Clause, old: Clause) -> Judgement | None:
    if new.is_denied == old.is_denied or (pair.new.negations | pair.old.negations) - _PLAIN:
        return None
    denial, claim = (new, old) if new.is_denied else (old, new)
    denying, claiming = (pair.newer, pair.older) if new.is_denied else (pair.older, pair.newer)
    if not _in_order(denial.said, claim.said) or len(denial.said) < LEAST_SHARED:
        return None
    if narrowings(denying.content) - narrowings(claiming.content):
        return None
    is_exception = len(denial.said) < len(claim.said) and denial is old
    return _contradicts(UNSURE if is_exception else SURE, "it says the opposite")


def _other_way_round(pair: Pair) -> Judgement | None:
    if not swapped(pair.newer.content, pair.older.content):
        return None
    return _contradicts(SURE if pair.new.words == pair.old.words else UNSURE, "the other way round")


def _opposite_word(new: Clause, old: Clause) -> Judgement | None:
    if new.is_denied != old.is_denied or len(new.said) != len(old.said):
        return None
    apart = [at for at, (one, other) in enumerate(zip(new.said, old.said, strict=True)) if one != other]
    if len(apart) != 1 or not are_opposites(new.said[apart[0]], old.said[apart[0]]):
        return None
    return _contradicts(UNSURE if _describes_a_thing(new.said, apart[0]) else SURE, "the same with the opposite word")


def _describes_a_thing(said: Sequence[str], at: int) -> bool:
    """Whether the word at `at` tells which of several things is meant: "likes hot soup"."""
    before, after = said[at - 1] if at else "be", said[at + 1 : at + 2]
    return bool(after) and after[0] not in _JOINS and before != "be"


def _turned_round(pair: Pair) -> Judgement | None:
    """The words in another order, where one of them denies what the other claims and neither speaks of more."""
    if not (_denies(pair) or opposed(pair.new, pair.old)) or pair.new.numbers != pair.old.numbers:
        return None
    new, old = pair.new_objects, pair.old_objects
    if pair.new.names != pair.old.names or len(new & old) < max(LEAST_SHARED, TURNED_SHARE * min(len(new), len(old))):
        return None
    rest = [words - pair.new.negations - pair.old.negations for words in (new - old, old - new)]
    if all(rest) or narrowings(pair.newer.content) != narrowings(pair.older.content):
        return None
    return _contradicts(
        SURE if not any(rest) else UNSURE, "may say the opposite" if any(rest) else "it says the opposite"
    )


def _denies(pair: Pair) -> bool:
    """Whether one of them denies a thing that the other claims."""
    new, old = denied(pair.newer.content), denied(pair.older.content)
    return bool((new & pair.old.words) - old or (old & pair.new.words) - new)


def _in_order(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether all of `part` stands in `whole`, in the same order: "no dog barking", "a dog is barking"."""
    rest = iter(whole)
    return all(word in rest for word in part if word != "be")


def _contradicts(confidence: float, reason: str) -> Judgement:
    return Judgement(kind=Relation.CONTRADICTS, confidence=confidence, reason=reason)
