"""Deeds that end a state: who sold the car owns it no more, who broke up with somebody is not dating them."""

from __future__ import annotations

import re

from memories.refinement.claims import Pair
from memories.refinement.words import stem, traits

_ENDINGS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(rf"\b(?:{deed})\b(?P<what>.{{0,80}})", re.IGNORECASE), re.compile(rf"\b(?:{state})\b", re.IGNORECASE))
    for deed, state in (
        ("sold|gave away|got rid of|threw away|traded in", "owns?|has|have|drives?|rides?|bought|uses?"),
        ("cancell?ed|called off", "plans?|planning|planned|booked|going|will|wants?|intends?|scheduled|organi[sz]ing"),
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
_CLAUSE_ENDS = re.compile(r"[,;.]|\b(?:and|but|because|after|when|to)\b", re.IGNORECASE)
_FILLERS = frozenset(stem(word) for word in ("job", "relationship", "contract"))


def ends(pair: Pair) -> bool:
    """Whether the newer claim tells of a deed that ends the state which the older one tells of."""
    if not pair.same_subject:
        return False
    older = pair.older.content
    ended = [deed for deed, state in _ENDINGS if state.search(older) and not deed.search(older)]
    return any(_is_about(found.group("what"), pair) for deed in ended for found in deed.finditer(pair.newer.content))


def _is_about(what: str, pair: Pair) -> bool:
    """Whether all that the deed was done to stands in the older claim."""
    named = traits(f"x {_CLAUSE_ENDS.split(what, maxsplit=1)[0].lower()}").words - _FILLERS
    return bool(named) and named <= pair.old.words
