"""One person for all: people say and ask "I" and "my", memories say "the user" and "the user's" (QUALITY section 1.2).

Memories and queries are told in the first person before they are embedded; what is stored and shown stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_USER = r"(?:the|this|our) (?:end[ -])?user"
_USERS_OWN = re.compile(rf"\b{_USER}(?:'s|\u2019s)", re.IGNORECASE)
_USER_DOES = re.compile(rf"\b{_USER} (?P<verb>[a-z]+)", re.IGNORECASE)
_USER_ALONE = re.compile(rf"\b{_USER}\b", re.IGNORECASE)
_IRREGULAR = {"is": "am", "has": "have", "does": "do", "was": "was", "goes": "go"}
_NOT_CONJUGATED_WORDS = """
always usually sometimes often never also just was is has this
"""
_NOT_CONJUGATED = frozenset(_NOT_CONJUGATED_WORDS.split())
NAMES_MAX = 64


def first_person(text: str, names: Sequence[str] = ()) -> str:
    """`text` as the user would say it; `names` are those by which users of this agent are known."""
    text = _USERS_OWN.sub("my", text)
    text = _USER_DOES.sub(lambda found: f"I {_conjugated(found.group('verb'))}", text)
    text = _USER_ALONE.sub("I", text)
    for name in named_in(text, names):
        own, alone = _patterns(name)
        text = alone.sub("I", own.sub("my", text))
    return text


def named_in(text: str, names: Sequence[str]) -> list[str]:
    """Which of `names` the text speaks of."""
    return [name for name in names[:NAMES_MAX] if name and _patterns(name)[1].search(text)]


def _conjugated(verb: str) -> str:
    word = verb.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _NOT_CONJUGATED or not word.endswith("s") or word.endswith(("ss", "us")):
        return verb
    if word.endswith(("shes", "ches", "xes", "sses", "zzes", "oes")):
        return word[:-2]
    return f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word[:-1]


@lru_cache(maxsize=4_096)
def _patterns(name: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    escaped = re.escape(name)
    return re.compile(rf"\b{escaped}(?:'s|\u2019s)", re.IGNORECASE), re.compile(rf"\b{escaped}\b", re.IGNORECASE)
