"""Deeds that end a state or fulfil a plan: who sold the car owns it no more, who broke up is not dating any more."""

from __future__ import annotations

import re

from memories.refinement.claims import Pair
from memories.refinement.scope import is_supposed
from memories.refinement.words import stem, traits

_ENDINGS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(rf"\b(?:{deed})\b(?P<what>.{{0,80}})", re.IGNORECASE), re.compile(rf"\b(?:{state})\b", re.IGNORECASE))
    for deed, state in (
        ("sold|gave away|got rid of|threw away|traded(?: in)?", "owns?|has|have|drives?|rides?|bought|uses?"),
        (
            "cancell?ed|called off",
            "plans?|planning|planned|booked|going|will|wants?|intends?|scheduled|organi[sz]ing|subscription|has|have",
        ),
        (
            "broke up with|split up with|separated from|divorced|is no longer with",
            "dating|seeing|married to|engaged to|girlfriend|boyfriend|partner|husband|wife",
        ),
        (
            "left|quit|resigned from|was laid off (?:by|from)|retired from|lost (?:his|her|their|the) job (?:at|with)",
            "works? (?:at|for)|working (?:at|for)|is employed (?:at|by)|(?:has a|the|a) job (?:at|with)",
        ),
    )
)
"""What somebody did, and the states that it ends."""
_WAITED_FOR = re.compile(
    r"\b(?:plans to|planning to|wants? to|intends? to|is going to|going to|hopes? to|would like to|is trying to|"
    r"is saving (?:up )?for|saving (?:up )?for|is waiting for|waiting for|is looking for|looking for|applied for)\b"
    r"(?P<what>.{1,80})",
    re.IGNORECASE,
)
_REACHED = re.compile(
    r"\b(?:bought|got|received|found|finished|completed|passed|visited|won|booked|built|learned|learnt|adopted|sold|"
    r"ran|moved to|married|started|founded|opened)\b(?P<what>.{1,80})",
    re.IGNORECASE,
)
"""Deeds by which a plan comes true."""
_CLAUSE_ENDS = re.compile(r"[,;.]|\b(?:and|but|because|after|when|to|for|in for)\b", re.IGNORECASE)
_WHEN = re.compile(r"\b(?:last|this|next|yesterday|today|in|on|at|for)\b", re.IGNORECASE)
_FILLERS = frozenset(stem(word) for word in ("job", "relationship", "contract"))


def ends(pair: Pair) -> bool:
    """Whether the newer claim tells of a deed that ends the state which the older one tells of."""
    if not pair.same_subject:
        return False
    older = pair.older.content
    ended = [deed for deed, state in _ENDINGS if state.search(older) and not deed.search(older)]
    return any(_is_about(found.group("what"), pair) for deed in ended for found in deed.finditer(pair.newer.content))


def fulfils(pair: Pair) -> bool:
    """Whether the newer claim tells that what the older one waits for or plans has come true."""
    wanted, reached = _WAITED_FOR.search(pair.older.content), _REACHED.search(pair.newer.content)
    if (
        wanted is None
        or reached is None
        or not pair.same_subject
        or pair.new.negations
        or is_supposed(pair.newer.content)
    ):
        return False
    plan, deed = _things(wanted.group("what")), _things(reached.group("what"))
    return bool(deed) and deed <= plan and len(plan - deed) <= 1


def _things(what: str) -> frozenset[str]:
    clause = _WHEN.split(_CLAUSE_ENDS.split(what.lower().removeprefix(" to "), maxsplit=1)[0], maxsplit=1)[0]
    return traits(f"x {clause}").words - _FILLERS


def _is_about(what: str, pair: Pair) -> bool:
    """Whether all that the deed was done to stands in the older claim."""
    named = traits(f"x {_CLAUSE_ENDS.split(what, maxsplit=1)[0].lower()}").words - _FILLERS
    return bool(named) and named <= pair.old.words
