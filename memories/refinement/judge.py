"""The local classifier of conflicts: what a new claim does to an older one, and how sure that is.

Plain rules over the words of both, without a model: each names what it saw, so an operator can follow it. They are
tried from the surest to the least sure. Confidences were set on public pairs of updates and contradictions
(benchmarks/quality_refinement.py shows how often they are right); above `thresholds.CONFIDENT` the older one gives way.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from memories.choices import Relation
from memories.refinement.claims import Claim, Judgement, Pair
from memories.refinement.endings import ends, fulfils
from memories.refinement.frames import is_single_valued, slot_of
from memories.refinement.guards import Difference, difference, swapped
from memories.refinement.oppositions import UNSURE, opposition
from memories.refinement.predicate import clause_of
from memories.refinement.scope import is_supposed, narrowings, same_scope
from memories.refinement.states import exclusion, exclusive
from memories.refinement.tastes import TASTE_WORDS, about_the_same_thing, is_of_just_that, mood
from memories.refinement.thresholds import CHEAP
from memories.refinement.words import opposed, stem, traits

RESTATED = ((0.92, 0.6, 3), (0.84, 0.42, 6))
"""Least cosine, least shared content words over all, and least of them: from there on, the newer one is the older in
other words. Short texts need more, because in them one word changes everything."""
CONTAINED = ((0.0, 0.85), (0.87, 0.8))
"""Least cosine, and least share of the older one's content words that the newer one repeats when it says more."""
ABOUT_THE_SAME = 0.5
"""More than this share of what is left behind stands in the older one when that is what was left."""
LEAST_SHARED = 2

_FROM_TO = re.compile(
    r"(?P<attribute>(?:[\w']{1,40}[\s:,]{1,3}){0,4})"
    r"\b(?:updated?|chang\w+|mov\w+|switch\w+|transition\w*|evolv\w+|shift\w*|promot\w+|renam\w+|migrat\w+|upgrad\w+|"
    # These take a cause as well ("increased stress from …"): what they change from is a number or a quotation.
    r"(?:improv\w+|went|rais\w+|rose|fell|increas\w+|decreas\w+)(?=[^.;]{0,40}\sfrom\s+(?:[\"'“\u2018]|\W?\d)))"
    r"(?P<more>(?:\s{1,3}[\w']{1,40}){0,3}?)\s{1,3}from\s{1,3}[\"'“\u2018]?(?P<old>[^\"'”\u2019]{1,80}?)[\"'”\u2019]?\s+to\s+",
    re.IGNORECASE,
)
_LEFT_BEHIND = re.compile(
    r"\b(?:instead of|rather than|no longer|not anymore|stopped|gave up|quit|used to|anymore|switched from|replaced|"
    r"removed|overcame|changed (?:his|her|their|my) mind about|reconsidered)\b(?P<what>.{0,80})",
    re.IGNORECASE,
)
_CLAUSE_ENDS = re.compile(r"[,;.]|\b(?:and|but|because|since|due to|after|when|as)\b", re.IGNORECASE)
_EVOLVES = re.compile(
    r"\b(?:(?:has|have) evolved|evolved (?:to|from|into)|"
    r"now (?:also )?(?:includes?|appreciates?|likes?|enjoys?|prefers?|loves?)|"
    r"(?:preference|taste|view|stance|opinion|"
    r"appreciation|choice)s? (?:\w+ ){0,4}(?:include|changed|shifted|expanded|updated)\w*|reconsider\w*|phas\w+ out|"
    r"remov\w+|newfound|grown (?:to|fond)|come to (?:like|love|enjoy|appreciate))\b",
    re.IGNORECASE,
)
_RESTRICTS = re.compile(
    r"\b(?:if|when|whenever|unless|only|except|sometimes|in the (?:morning|afternoon|evening)|at night|"
    r"on (?:mon|tues|wednes|thurs|fri|satur|sun)days?|on weekends?|during|as long as)\b",
    re.IGNORECASE,
)


_REPORTING_WORDS = """
express expressed say said mention mentioned discuss discussed note noted emphasize emphasized report reported share
shared tell told describe described
"""
_REPORTING = frozenset(stem(word) for word in _REPORTING_WORDS.split())
"""That something was said is no part of what was."""
_ASIDE = re.compile(r",? (?:who|which|that|where)\b.*$|, \w+ing\b.*$", re.IGNORECASE)
_USES = re.compile(
    r"\b(?:uses?|using|listens?|works?|lives?|takes?|drives?|runs?|pays?|drinks?|eats?|writes?|codes?|hosted|deploys?|"
    r"banks?|shops?|commutes?|studies|studying|learning|learns?|reads?|is|are|has)\b",
    re.IGNORECASE,
)
"""Verbs of what is so at present, which a switch from it ends."""

_UNSAID = TASTE_WORDS | {"x"}


def judge(newer: Claim, older: Claim, cosine: float) -> Judgement | None:
    """What `newer` does to `older`; None when they may both stand. `cosine` is that of their vectors."""
    pair = Pair.of(newer, older, cosine)
    for rule in _RULES:
        if found := rule(pair):
            return found
    return None


def by_intervals(newer: Claim, older: Claim, cosine: float) -> Judgement | None:
    """What needs no classifier: the older one's validity ended before the newer one's began."""
    return _intervals(Pair.of(newer, older, cosine))


def are_rivals(newer: str, older: str) -> bool:
    """Whether both give a value to what has one, or put the same person into states that exclude each other."""
    new, old = slot_of(newer), slot_of(older)
    return (new is not None and old is not None and new.same_place(old)) or exclusive(newer, older) is not None


def _intervals(pair: Pair) -> Judgement | None:
    ended, began = pair.older.valid_until, pair.newer.valid_from
    if not began or not (pair.cosine > CHEAP or pair.same_slot):
        return None
    if ended and ended <= began and (pair.older.valid_from is None or pair.older.valid_from < began):
        return Judgement(kind=Relation.SUPERSEDES, confidence=1.0, reason="a later period of validity")
    return None


def _same_attribute(pair: Pair) -> Judgement | None:
    if not pair.same_slot or not is_single_valued(pair.newer.attribute):
        return None
    if is_supposed(pair.newer.content) != is_supposed(pair.older.content):
        return None
    if difference(pair.newer.content, pair.older.content) is None:
        return Judgement(kind=Relation.OVERLAPS, confidence=0.9, reason="the same value of the same attribute")
    return Judgement(kind=Relation.SUPERSEDES, confidence=0.9, reason="another value of the same attribute")


def _from_to(pair: Pair) -> Judgement | None:
    slot = slot_of(pair.older.content)
    for found in _FROM_TO.finditer(pair.newer.content) if _may_end(pair) else ():
        left = traits(f"x {found.group('old')}")
        value = (left.words | left.numbers) - {"x"}
        attribute = traits(f"x {found.group('more') or found.group('attribute')}").words - pair.new.names - _UNSAID
        if slot is not None and attribute - pair.old.words and slot.attribute - attribute:
            continue  # of something else: "mental health", "physical health"
        was_so = bool(value) and value <= (pair.old.words | pair.old.numbers)
        named = 2 * len((attribute - value) & pair.old.words) > len(attribute)
        of_this_slot = slot is not None and (value <= slot.value or slot.attribute <= attribute)
        same_slot = slot is not None and slot.attribute <= attribute and pair.same_owner
        if same_slot or (was_so and (named or of_this_slot or _same_use(attribute, value, pair))):
            return Judgement(kind=Relation.SUPERSEDES, confidence=0.95, reason="says what it changed from")
    return None


def _same_use(attribute: frozenset[str], value: frozenset[str], pair: Pair) -> bool:
    """Whether the newer one only says "switched from V to W", and the older one that V was in use."""
    if attribute or not pair.same_subject or pair.old.negations or mood(pair.older.content):
        return False
    return _USES.search(pair.older.content) is not None and value <= pair.old.words | pair.old.numbers


def _taste(pair: Pair) -> Judgement | None:
    if mood(pair.newer.content) * mood(pair.older.content) >= 0 or not about_the_same_thing(pair):
        return None
    if not pair.same_person or not same_scope(pair.newer.content, pair.older.content):
        return None
    is_told = _EVOLVES.search(pair.newer.content) is not None
    if not is_told and not pair.same_party:
        return None
    confidence = 0.85 if is_told or is_of_just_that(pair) else UNSURE
    return Judgement(kind=Relation.CONTRADICTS, confidence=confidence, reason="the opposite taste")


def _evolved(pair: Pair) -> Judgement | None:
    if not _EVOLVES.search(pair.newer.content) or not mood(pair.older.content):
        return None
    if not pair.same_person or not about_the_same_thing(pair, is_told=True):
        return None
    return Judgement(kind=Relation.SUPERSEDES, confidence=0.82, reason="a taste that has changed since")


def _ended(pair: Pair) -> Judgement | None:
    if not ends(pair):
        return None
    return Judgement(kind=Relation.SUPERSEDES, confidence=0.85, reason="tells of what ended it")


def _fulfilled(pair: Pair) -> Judgement | None:
    if not fulfils(pair):
        return None
    return Judgement(kind=Relation.SUPERSEDES, confidence=0.82, reason="what was planned has come true")


def _left_behind(pair: Pair) -> Judgement | None:
    if not pair.same_party or not _may_end(pair) or clause_of(pair.older.content).is_denied:
        return None
    theirs = pair.old.words - TASTE_WORDS
    for found in _LEFT_BEHIND.finditer(pair.newer.content):
        left = traits(f"x {_CLAUSE_ENDS.split(found.group('what'), maxsplit=1)[0]}").words - TASTE_WORDS - pair.subjects
        if left and len(left & theirs) > ABOUT_THE_SAME * len(left) and left & pair.new.names <= theirs:
            return Judgement(kind=Relation.SUPERSEDES, confidence=0.85, reason="says what is no longer so")
    return None


def _may_end(pair: Pair) -> bool:
    """Whether the newer one is no mere thought, and about the same person or thing."""
    return pair.same_person and not is_supposed(pair.newer.content)


def _other_value(pair: Pair) -> Judgement | None:
    new, old = slot_of(pair.newer.content), slot_of(pair.older.content)
    if new is None or old is None or pair.are_events or not new.rivals(old):
        return None
    if is_supposed(pair.newer.content) or narrowings(pair.newer.content) - narrowings(pair.older.content):
        return None
    if new.kind == "word" and not new.holds_one_value:
        is_opposed = opposed(pair.new, pair.old) and same_scope(pair.newer.content, pair.older.content)
        if not is_opposed:
            return None
    return Judgement(kind=Relation.SUPERSEDES, confidence=0.85, reason="another value of what has one value")


def _other_number(pair: Pair) -> Judgement | None:
    if pair.are_events or not pair.new.numbers or not pair.old.numbers or pair.new.numbers == pair.old.numbers:
        return None
    if pair.new.words != pair.old.words or pair.new.names != pair.old.names:
        return None
    new, old = clause_of(pair.newer.content), clause_of(pair.older.content)
    if new.subject != old.subject or not same_scope(pair.newer.content, pair.older.content):
        return None
    return Judgement(kind=Relation.SUPERSEDES, confidence=0.82, reason="the same with another number")


def _says_more(pair: Pair) -> Judgement | None:
    if pair.new.negations != pair.old.negations or pair.old.numbers - pair.new.numbers or not pair.same_opening:
        return None
    if opposed(pair.new, pair.old) or swapped(pair.newer.content, pair.older.content):
        return None
    if pair.old.names - pair.subjects - pair.new.words:
        return None
    said = pair.old.words - pair.named_subjects - _REPORTING
    repeated = said & pair.new.words
    if _restricts(pair.newer.content) and not _restricts(pair.older.content):
        return None
    if len(repeated) <= LEAST_SHARED:
        return None
    if not any(pair.cosine >= cosine and len(repeated) >= share * len(said) for cosine, share in CONTAINED):
        return None
    return Judgement(kind=Relation.SPECIALIZES, confidence=0.85, reason="says the same and more")


def _restricts(text: str) -> bool:
    """Whether `text` says when or where only it is so; what it says after "who" or "which" narrows nothing."""
    return _RESTRICTS.search(_ASIDE.sub("", text)) is not None


def _restated(pair: Pair) -> Judgement | None:
    differs_in = difference(pair.newer.content, pair.older.content)
    if differs_in not in (None, Difference.WORDS, Difference.CERTAINTY) or not pair.same_opening:
        return None
    if is_supposed(pair.newer.content) != is_supposed(pair.older.content):
        return None
    shared = len(pair.shared - pair.old.names)
    if not any(pair.cosine >= c and pair.share_of_all >= share and shared >= words for c, share, words in RESTATED):
        return None
    return Judgement(kind=Relation.OVERLAPS, confidence=0.82, reason="says the same in other words")


_RULES: tuple[Callable[[Pair], Judgement | None], ...] = (
    _intervals, _same_attribute, _from_to, _taste, _evolved, _left_behind, _other_value, opposition, _ended,
    exclusion, _fulfilled, _other_number, _says_more, _restated,
)  # fmt: skip
