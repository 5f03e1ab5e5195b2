"""What a short text says, word by word: the little that guards and rules need to compare two memories.

No language model and no corpus: content words are folded by a light suffix stripper, so that "likes" meets "liked".
Words of other languages pass through unfolded, which only makes the guards stricter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+(?:[.,:/-]\d+)*%?")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|[\"“(\[]\s*)$")
_MONTH_OF_MAY = re.compile("May")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SHORTEST_STEM = 3

_NEGATING = """
not no never none nobody nothing nowhere neither nor without cannot can't won't don't doesn't didn't isn't aren't
wasn't weren't hasn't haven't hadn't shouldn't couldn't wouldn't mustn't hardly barely stopped quit former formerly
refuses refused avoids avoid lacks lack longer except unlike dislikes dislike
"""
NEGATIONS = frozenset(_NEGATING.split())
"""Words that turn a claim round. "longer" is only met in "no longer" among short claims, or beside a comparison."""

_SAID_IN_PASSING = re.compile(
    r"\b(?:(?:not|never|n't|without)(?: to)? (?:giv\w+ up|forget\w*|only|just|stop\w*|miss\w*|mind\w*|hesitat\w*|"
    r"surpris\w+|necessarily)|(?:can't|cannot) (?:wait|help|get enough)|no (?:doubt|matter|wonder|problem))\b",
    re.IGNORECASE,
)
"""Negations that deny nothing: "not to give up on a dream" is to follow it."""
_REASON = re.compile(
    r"[;.]\s|\b(?:because|since|due to|so that|in order to|despite|although|though|even if|reason)\b", re.IGNORECASE
)
_LIGHT_WORDS = """
able allowed going get have anymore longer way
"""
_MENTAL_WORDS = """
like love enjoy prefer want wish need plan hope think believe know remember understand care
"""
"""Whoever denies one of these says nothing about whether its object is so."""
_OF_TASTE = frozenset(("dislike", "dislikes", "avoid", "avoids"))
"""What these are about is liked less, not denied: memories.refinement.tastes weighs it."""
_DENIED_AT_MOST = 4
"""Words after a negation among which the one is that it denies."""

_FUNCTIONAL = """
a an the this that these those and or but so as of in on at to for from by with about into over after before than
then there here it its he him his she her hers they them their theirs we us our ours you your yours i me my mine is
am are was were be been being do does did done has have had having will would can could should may might must shall
also just very really quite too still now currently which who whom whose what when where why how if while because
since until up down out off again more most some any each every all both such own same s t user's user users users'
"""
_FUNCTION = frozenset(_FUNCTIONAL.split())

_COUNTING = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty
"""
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_COUNTING.split())} | {
    "once": "1",
    "twice": "2",
    "dozen": "12",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
}

_SAME = {
    word: words.split()[0]
    for words in (
        "like enjoy love",
        "live reside",
        "big large huge",
        "begin start",
        "buy purchase",
        "job position",
        "favourite favorite",
        "use utilise utilize",
        "kid child children",
        "film movie",
        "car automobile",
        "photo picture",
        "phone telephone",
        "help assist",
        "speak talk",
        "want wish",
    )
    for word in words.split()
}
"""Words of daily memories that may stand for each other; the first names the group."""

_OPPOSITE_PAIRS = """
like/dislike, love/hate, like/hate, prefer/avoid, before/after, early/late, earlier/later, morning/evening,
day/night, more/less, increase/decrease, increase/reduce, rise/fall, raise/lower, high/low, higher/lower, up/down,
left/right, buy/sell, start/stop, begin/end, start/end, start/finish, start/quit, open/close, open/closed, on/off,
enable/disable, enabled/disabled, always/never, always/sometimes, often/rarely, often/never, can/cannot,
married/divorced, married/single, married/unmarried, marry/divorce, alive/dead, win/lose, won/lost, accept/reject,
accept/decline, approve/reject, allow/forbid, allow/deny, allow/block, agree/disagree, include/exclude, add/remove,
hire/fire, join/leave, arrive/depart, arrive/leave, first/last, old/new, old/young, older/younger, big/small,
large/small, long/short, longer/shorter, hot/cold, warm/cold, hard/easy, hard/soft, easy/difficult, fast/slow,
near/far, true/false, yes/no, male/female, man/woman, boy/girl, brother/sister, mother/father, son/daughter,
husband/wife, vegan/meat, vegetarian/meat, indoor/outdoor, indoors/outdoors, inside/outside, public/private,
full/empty, cheap/expensive, rich/poor, strong/weak, healthy/sick, happy/sad, good/bad, better/worse, best/worst,
safe/dangerous, clean/dirty, wet/dry, light/dark, loud/quiet, noisy/quiet, wake/sleep, remember/forget,
succeed/fail, pass/fail, minimum/maximum, employed/unemployed, awake/asleep, with/without, possible/impossible,
legal/illegal, formal/informal, sweet/bitter, weekday/weekend, today/tomorrow, today/yesterday, import/export,
push/pull, send/receive, give/take, ask/answer, optional/required, optional/mandatory, works/fails, helpful/useless,
for/against, ahead/behind, on/behind, empty/occupied, busy/free, available/unavailable, stable/unstable, paid/unpaid,
open/fixed, open/solved, draft/published, locked/unlocked, online/offline, permanent/temporary
"""
_OPPOSITES = [frozenset(pair.strip().split("/")) for pair in _OPPOSITE_PAIRS.split(",")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The comparable parts of a text. `words` are stems of its content words, names among them, numbers not;
    `particles` are the little words that have an opposite.
    """

    words: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negations: frozenset[str]
    particles: frozenset[str] = frozenset()


@lru_cache(maxsize=8_192)
def traits(text: str) -> Traits:
    """The parts of `text`, kept for the pairs it will be compared in."""
    words: set[str] = set()
    numbers: set[str] = set()
    names: set[str] = set()
    negations: set[str] = set()
    particles: set[str] = set()
    for match in _TOKEN.finditer(text):
        token = match.group().replace("\u2019", "'")
        word = token.lower().removesuffix("'s")
        if token[0].isdigit():
            numbers.add(token.strip(".,:").replace(",", ""))
        elif word in _NUMBER_WORDS:
            numbers.add(_NUMBER_WORDS[word])
        elif token.lower() in NEGATIONS:
            negations.add(token.lower())
            words.add(stem(word))
        elif (word in _FUNCTION and not _MONTH_OF_MAY.fullmatch(token)) or len(word) == 1:
            particles |= {stem(word)} & _OPPOSABLE
        else:
            words.add(stem(word))
            if token[0].isupper() and not _SENTENCE_START.search(text[: match.start()]):
                names.add(stem(word))
    return Traits(
        words=frozenset(words),
        numbers=frozenset(numbers),
        names=frozenset(names),
        negations=frozenset(negations),
        particles=frozenset(particles),
    )


@lru_cache(maxsize=8_192)
def denied(text: str) -> frozenset[str]:
    """What `text` denies, as stems: the first content word after each negation, in what it claims and not in why."""
    claim = _REASON.split(_SAID_IN_PASSING.sub(" ", text.replace("\u2019", "'")), maxsplit=1)[0]
    clauses = [[word.lower() for word in _WORD.findall(clause)] for clause in re.split(r"[,:]\s", claim)]
    return frozenset(
        stem(thing)
        for words in clauses
        for at, word in enumerate(words)
        if word in NEGATIONS - _OF_TASTE and (thing := _first_thing(words[at + 1 :][:_DENIED_AT_MOST]))
    )


def denies_in_passing(text: str) -> bool:
    """Whether a negation of `text` denies nothing: "not to give up"."""
    return _SAID_IN_PASSING.search(text.replace("\u2019", "'")) is not None


def are_opposites(one: str, other: str) -> bool:
    """Whether two stems are opposites, or one is the other with "un-"."""
    return frozenset((one, other)) in _OPPOSITE_SET or f"un{one}" == other or f"un{other}" == one


def _first_thing(words: Sequence[str]) -> str:
    unsaid = NEGATIONS | _FUNCTION
    first = next((word for word in words if word not in unsaid and stem(word) not in _LIGHT), "")
    return "" if stem(first) in _MENTAL else first


@lru_cache(maxsize=8_192)
def stem(word: str) -> str:
    """A light stem, the same for the usual forms of an English verb or noun; then the name of its synonym group."""
    cut = _cut(word)
    return _SYNONYMS.get(cut, cut)


def _cut(word: str) -> str:
    for suffix, ending in (("ies", "y"), ("ing", ""), ("ied", "y"), ("ed", ""), ("s", ""), ("ly", "")):
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM and not word.endswith("ss"):
            word = word[: -len(suffix)] + ending
            break
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


def opposed(one: Traits, other: Traits) -> bool:
    """Whether one text has a word whose opposite stands in the other, and neither has both."""
    left, right = one.words | one.particles, other.words | other.particles
    return any(
        (left & pair) and (right & pair) and (left & pair) != (right & pair) and not (pair <= left or pair <= right)
        for pair in _OPPOSITE_STEMS
    )


_SYNONYMS = {_cut(word): _cut(group) for word, group in _SAME.items()}
_OPPOSITE_STEMS = [frozenset(stem(word) for word in pair) for pair in _OPPOSITES]
_OPPOSITE_SET = frozenset(_OPPOSITE_STEMS)

_LIGHT = frozenset(stem(word) for word in _LIGHT_WORDS.split())
_MENTAL = frozenset(stem(word) for word in _MENTAL_WORDS.split())
_OPPOSABLE = frozenset().union(*_OPPOSITE_STEMS)

__all__ = ["NEGATIONS", "Traits", "are_opposites", "denied", "denies_in_passing", "opposed", "stem", "traits"]
