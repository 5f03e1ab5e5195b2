"""Ways of life that exclude each other although their words share nothing: who is vegetarian eats no chicken.

Each line of the table names two states. A person reads them in the reason, so both are told in plain words. Only those
that one and the same person cannot be in at a time are sure; the others are asked about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from memories.choices import Relation
from memories.refinement.claims import Judgement, Pair
from memories.refinement.predicate import clause_of
from memories.refinement.scope import holds_as_widely, same_scope

SURE, LIKELY = 0.85, 0.7

_BE = (
    r"(?:is|am|'m|are|was|became|has become|have become|turned|went|got|being)(?: now| currently| still| happily)*"
    r"(?: an?)?"
)
_DO = r"(?:doesn't|does not|don't|do not|never|no longer)"
_HAVE = r"(?:has|have|had|got|owns?|picks up|raises?|raising)(?: got)?"
_A_FEW = r"(?:an?|one|two|three|four|five|six|twin|several|many|\d+)(?: \w+)?"
_MY = r"(?:my|her|his|their|our|the user's|(?-i:[A-Z])\w+'s)"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How a state is called, and how a claim tells of it."""

    name: str
    told: re.Pattern[str]
    is_reached: bool = False
    """By something that happened, of which a claim may tell in the past: "died years ago"."""


def _state(name: str, told: str, *, is_reached: bool = False) -> State:
    return State(name=name, told=re.compile(rf"\b(?:{told})\b", re.IGNORECASE), is_reached=is_reached)


_VEGAN = _state("being vegan", rf"{_BE} (?:strict )?vegan")
_VEGETARIAN = _state("being vegetarian", rf"{_BE} (?:strict )?vegetarian|eats? no meat|{_DO} eat (?:any )?meat")
_MEAT = _state(
    "eating meat",
    r"(?<!no )(?<!not )(?<!n't )(?<!never )(?:eats?|eating|having|grills?|orders?|loves? eating) (?:\w+ )?"
    r"(?:meat|chicken|beef|pork|steaks?|lamb|turkey|ham|bacon|sausages?|burgers?)",
)
_DAIRY = _state(
    "eating eggs or dairy", r"(?:eats?|drinks?|has|have|having) (?:\w+ (?:and )?)?(?:cheese|eggs?|milk|butter|yogh?urt)"
)
_ALONE = _state("living alone", r"li(?:ve|ves|ving) (?:alone|by (?:her|him|my|them)sel\w+|on (?:her|his|my|their) own)")
_TOGETHER = _state(
    "living with others",
    rf"li(?:ve|ves|ving) (?:together )?with (?:(?:{_MY}|an?|the|two|three|four) )?(?:\w+ )?(?:husband|wife|partner|"
    r"parents|mother|father|girlfriend|boyfriend|family|children|son|daughter|sister|brother|flatmates?|roommates?|friends?|"
    r"students|others)|(?:share|shares|sharing) (?:an?|the|her|his|my) (?:flat|apartment|house|room)",
)
_NIGHT_SHIFTS = _state("working night shifts", r"works? (?:the )?(?:night shifts?|nights|at night)")
_OFFICE_HOURS = _state(
    "working by day", r"works? (?:from )?(?:nine to five|9 to 5|9-5|(?:the )?day shifts?|office hours|days only)"
)
_PART_TIME = _state("working part time", r"works? (?:\w+ )?part[- ]time|has a part[- ]time job")
_FULL_TIME = _state("working full time", r"works? (?:\w+ )?full[- ]time|has a full[- ]time job")
_SINGLE = _state("being single", rf"{_BE} single")
_MARRIED = _state(
    "being married", rf"{_BE} (?:\w+ly )?married|got married|married (?-i:[A-Z])\w+|{_HAVE} a (?:husband|wife)"
)
_ENGAGED = _state("being engaged", rf"{_BE} engaged(?: to)?")
_DIVORCED = _state("being divorced", rf"{_BE} divorced|got divorced")
_WIDOWED = _state("being widowed", rf"{_BE} (?:widowed|widow|widower)")
_CHILDLESS = _state(
    "having no children",
    r"(?:has|have) no (?:children|kids|child)|childless|(?:doesn't|don't) have (?:any )?(?:children|kids)",
)
_PARENT = _state(
    "having children",
    rf"{_HAVE} (?:(?:{_A_FEW}|{_MY}) )?(?:child|children|kids?|son|sons|daughters?)|^{_MY} (?:son|daughter|children)",
)
_ONLY_CHILD = _state(
    "having no siblings", r"only child|(?:has|have) no siblings|(?:doesn't|don't) have (?:any )?siblings"
)
_SIBLING = _state(
    "having siblings",
    rf"{_HAVE} {_A_FEW} (?:brothers?|sisters?|siblings)|{_HAVE} an? (?:brother|sister)|^{_MY} (?:brother|sister)",
)
_NON_SMOKER = _state("not smoking", rf"{_DO} smoke|non-?smoker|(?:quit|stopped|gave up) smoking")
_SMOKER = _state(
    "smoking", r"(?<!not )(?<!never )(?:smokes?|is a smoker|started smoking)(?! (?:salmon|fish|meat|detector))"
)
_SOBER = _state(
    "drinking no alcohol",
    rf"{_DO} drink (?:any )?alcohol|drinks? no alcohol|teetotal(?:l?er)?|(?:quit|stopped|gave up) drinking|is sober",
)
_DRINKER = _state(
    "drinking alcohol",
    r"(?:drinks?|has|have|enjoys?) (?:(?:an?|some|one|two) )?(?:(?:glass|bottle|pint)(?:es|s)? of )?(?:\w+ )?"
    r"(?:wine|beer|whisky|whiskey|gin|vodka|rum)",
)
_NO_WORK = _state(
    "being out of work",
    rf"{_BE} (?:unemployed|jobless|out of work|between jobs)|"
    r"(?:is|am|'m) looking for a job|lost (?:her|his|my|the) job",
)
_RETIRED = _state("being retired", rf"{_BE} retired|has retired|in retirement")
_AT_WORK = _state(
    "having a job",
    r"works? (?:full[- ]time |part[- ]time )?(?:as an?|at an?|for an?|at the|for the|as the|at (?-i:[A-Z])\w+|"
    r"for (?-i:[A-Z])\w+)|found a (?:new )?job|"
    r"started (?:a new job|work|working)|is employed",
)
_HOME_OFFICE = _state(
    "working from home every day",
    r"works? (?:fully )?(?:remotely|from home)(?: every day| all week| full[- ]time)|fully remote",
)
_COMMUTER = _state(
    "going to the office every day",
    r"(?:commutes?|goes|go) to (?:the )?(?:office|work) (?:every day|daily)|works? in the office every day",
)
_EARLY = _state("being an early riser", rf"{_BE} (?:early (?:riser|bird)|morning person)")
_LATE = _state("being a night owl", rf"{_BE} night owl")
_LEFT = _state("being left-handed", r"left-?handed")
_RIGHT = _state("being right-handed", r"right-?handed")
_TENANT = _state("renting the home", r"rents? (?:an?|the|her|his|my) (?:\w+ )?(?:flat|apartment|house|home)")
_OWNER = _state("owning the home", r"(?:owns?|bought) (?:an?|the|her|his|my) (?:\w+ )?(?:flat|apartment|house|home)")
_NO_CAR = _state("having no car", r"(?:has|have) no car|(?:doesn't|does not|don't|do not) (?:own|have) a car")
_DRIVER = _state(
    "having a car", r"(?:owns?|bought|has|have) a (?:\w+ )?car|(?:drives?) (?:her|his|my|their) (?:own )?car"
)
_NO_PETS = _state("having no pets", r"(?:has|have) no pets|(?:doesn't|does not|don't|do not) have (?:any )?pets")
_PETS = _state("having a pet", rf"(?:has|have|owns?) {_A_FEW} ?(?:dogs?|cats?|rabbits?|hamsters?|parrots?)")
_NO_ALLERGY = _state(
    "having no allergies", r"(?:has|have) no (?:known )?allergies|(?:isn't|is not|not) allergic to anything"
)
_ALLERGY = _state("having an allergy", r"(?:is|am|'m) allergic to \w+|has an? (?:\w+ )?allergy")
_PREGNANT = _state("being pregnant", rf"{_BE} pregnant")
_GAVE_BIRTH = _state("having given birth", r"gave birth|had (?:her|the|a) baby", is_reached=True)
_STUDENT = _state(
    "studying", rf"{_BE} (?:\w+ )?student|studies [a-z]+|is studying|am studying|goes to (?:school|university)"
)
_GRADUATE = _state(
    "having left school",
    r"graduated|dropped out|left (?:school|university)|finished (?:school|university|her degree|his degree)",
    is_reached=True,
)
_ALIVE = _state("being alive", r"(?:is|are) (?:still )?alive")
_DEAD = _state("having died", r"died|passed away|(?:is|are) dead|deceased", is_reached=True)
_ON_LEAVE = _state("being on leave", r"(?:is|am|'m) on (?:\w+ )?(?:leave|sabbatical|holiday)")
_BACK = _state(
    "being back at work",
    r"(?:is|am|'m) back at (?:work|the office)|returned to work|went back to work",
    is_reached=True,
)
_WORKS = _state("working", r"works(?: (?:again|well|fine))?$")
_BROKEN = _state("being broken", r"(?:is|are) (?:broken|out of order|down)")

_UNPAID = _state("being unpaid", r"(?:is|are) (?:still )?(?:unpaid|outstanding|overdue)")
_PAID = _state("being paid", r"(?:was|were|is|are|has been|have been) paid", is_reached=True)
_HURT = _state("hurting", r"hurts?|aches?|(?:is|are) (?:injured|sprained)")
_HEALED = _state("having healed", r"healed|recovered|(?:is|are) (?:fine|well) again", is_reached=True)
_OPEN_BUG = _state(
    "being open", r"(?:bug|issue|ticket|case|incident)\b.*\b(?:is|are) (?:still )?(?:open|unsolved|unresolved)"
)
_FIXED = _state(
    "being solved", r"(?:bug|issue|ticket|case|incident)\b.*\b(?:fixed|closed|solved|resolved)", is_reached=True
)

_SURE_OF = (
    (_VEGAN, _VEGETARIAN), *combinations((_SINGLE, _MARRIED, _ENGAGED, _DIVORCED, _WIDOWED), 2),
    (_PART_TIME, _FULL_TIME), (_PREGNANT, _GAVE_BIRTH), (_LEFT, _RIGHT), (_ALIVE, _DEAD), (_NON_SMOKER, _SMOKER),
    (_UNPAID, _PAID), (_HURT, _HEALED), (_OPEN_BUG, _FIXED),
)  # fmt: skip
_LIKELY_OF = (
    (_VEGAN, _MEAT), (_VEGAN, _DAIRY), (_VEGETARIAN, _MEAT), (_ALONE, _TOGETHER), (_NIGHT_SHIFTS, _OFFICE_HOURS),
    (_CHILDLESS, _PARENT), (_ONLY_CHILD, _SIBLING), (_SOBER, _DRINKER), (_NO_WORK, _AT_WORK), (_RETIRED, _AT_WORK),
    (_RETIRED, _FULL_TIME), (_NO_WORK, _FULL_TIME), (_HOME_OFFICE, _COMMUTER), (_EARLY, _LATE), (_TENANT, _OWNER),
    (_NO_CAR, _DRIVER), (_NO_PETS, _PETS), (_NO_ALLERGY, _ALLERGY), (_STUDENT, _GRADUATE), (_ON_LEAVE, _BACK),
    (_WORKS, _BROKEN),
)  # fmt: skip
_EXCLUSIONS = tuple((pair, SURE) for pair in _SURE_OF) + tuple((pair, LIKELY) for pair in _LIKELY_OF)
_STATES = tuple({state: None for states, _ in _EXCLUSIONS for state in states})


def exclusion(pair: Pair) -> Judgement | None:
    """Whether the two claims put the same person or thing into states that exclude each other."""
    newer, older = pair.newer.content, pair.older.content
    found = exclusive(newer, older)
    if found is None:
        return None
    now, then, confidence = found
    has_happened = now.is_reached or then.is_reached
    if not (holds_as_widely(newer, older) if has_happened else same_scope(newer, older)):
        return None
    reason = f"{now.name} and {then.name} exclude each other"
    return Judgement(kind=Relation.CONTRADICTS, confidence=confidence, reason=reason)


def exclusive(newer: str, older: str) -> tuple[State, State, float] | None:
    """The states that two texts tell of the same person, where they exclude each other, and how surely."""
    new, old = told(newer), told(older)
    if not new or not old:
        return None
    for (one, other), confidence in _EXCLUSIONS:
        for now, then in ((one, other), (other, one)):
            if now in new and then in old and then not in new and now not in old and new[now] == old[then]:
                return now, then, confidence
    return None


@lru_cache(maxsize=8_192)
def told(text: str) -> Mapping[State, tuple[str, ...]]:
    """The states that `text` tells of, each with whom it tells it of: nobody but the user is empty."""
    found = ((state, state.told.search(text)) for state in _STATES)
    return {state: _whose(text, match) for state, match in found if match is not None}


def _whose(text: str, match: re.Match[str]) -> tuple[str, ...]:
    """Whom a state is told of: "my sister" tells of the user, where having one is the state."""
    return () if match.start() == 0 else clause_of(text).subject_before(text[: match.start()])
