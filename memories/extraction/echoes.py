"""The recall-loop firewall: whether the assistant only says again what IBEX had put into its prompt.

However it is put: in the second person or the third, as a list or a question, several joined, in capitals, between
words about the talk itself ("if I remember correctly", "isn't that so?").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from memories.extraction.dates import resolve_dates
from memories.extraction.grounding import content_stems, names_in, numbers_in, stem, words_in
from memories.extraction.lexicon import straight, word_set
from memories.extraction.salience import overlap

ECHO = 0.6
"""Share of a sentence's content words found in one injected memory, from which it is an echo."""
ECHO_OF_SEVERAL = 0.8
"""The same for all injected memories together: "you live in Rome and have two cats"."""

_ABOUT_THE_TALK = word_set(
    """
    according ah already also always anything ask asked aware believe check confirm confirmed correct correctly
    currently earlier exactly far gather get got have hear hearing here i'm i've indeed just know known last let
    like list memories memory mention mentioned mind mistaken note noted notes now okay plus precisely previous
    previously profile recall record recorded records remember remembered remind requested right said saved say
    saying see seem seems so someone something sound sounds still tell think thought time told true truly
    understand understanding understood usually well wrong yes yet
    """
)
_SAY_NOTHING = frozenset(stem(word) for word in _ABOUT_THE_TALK)
_DOUBLED = frozenset(letter * 2 for letter in "lmnpt")
_NEVER_NAMES = word_set(
    """
    a about already am an and are as at be been but by called can did do does for from had has have if in is it not of
    on or plus re that the their to ve was were while who with you your you're you've you'd
    """
)
"""Where one of these has a capital in mid-sentence, capitals tell nothing: "Your Dog Is Called Biscuit"."""


def is_echo(sentence: str, injected: Sequence[str], said_at: datetime | None = None) -> bool:
    """Whether a sentence repeats what IBEX had put into the turn: its memories' words, and no other number or name.

    `said_at`: when it was said, so that "tomorrow" of another day is told from a memory's.
    """
    if not injected or _names_something_new(resolve_dates(sentence, said_at).text if said_at else sentence, injected):
        return False
    said, known = _said(sentence), [_roots(content_stems(memory)) for memory in injected]
    together = frozenset[str]().union(*known)
    if not said:
        return True
    return overlap(said, together) >= ECHO_OF_SEVERAL or any(overlap(said, one) >= ECHO for one in known)


def is_about_the_talk(text: str) -> bool:
    """Whether a text says nothing but what was said and whether it is right: "I told you so"."""
    return not _said(text)


def _said(sentence: str) -> frozenset[str]:
    """What a sentence says besides; "aren't you" and "don't" are left to the rest of it."""
    return _roots(one for one in content_stems(sentence) - _SAY_NOTHING if not one.endswith("n't"))


def _roots(stems: Iterable[str]) -> frozenset[str]:
    """The same for both spellings of "cancelled"."""
    return frozenset(one[:-1] if one[-2:] in _DOUBLED else one for one in stems)


def _names_something_new(text: str, known: Sequence[str]) -> bool:
    """Whether `text` has a number or a proper name that none of the `known` texts has."""
    whole, text = straight(" ".join(known)), straight(text)
    names = names_in(text)
    if names & _NEVER_NAMES:
        names = frozenset()
    new = _roots(stem(name) for name in names - words_in(whole)) - _roots(map(stem, words_in(whole)))
    return not numbers_in(text) <= numbers_in(whole) or any(
        name not in _SAY_NOTHING and not name.endswith("n't") for name in new
    )
