"""Whether a text says anything that one beside it does not: a claim and its evidence need not both be read, nor a claim
twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from context.words import content_words
from memories.refinement.guards import dates
from memories.refinement.words import traits

RESTATED_SHARE = 0.8
"""Of an excerpt's words, how many one other text has: what is left is a name, a greeting or an aside."""


def restates(excerpt: str, texts: Sequence[str]) -> bool:
    """Whether one of `texts` says what `excerpt` says. An excerpt of words that mean nothing says nothing."""
    words = content_words(excerpt)
    return any(len(words & content_words(text)) >= RESTATED_SHARE * len(words) for text in texts)


def repeats(claim: str, better: Sequence[str]) -> bool:
    """Whether one of `better` says all that `claim` says: every word of meaning, so every number, name and date, and
    "not" where it does. Closer than for excerpts: a claim that is left out may be the one that was asked for. A claim
    of words that mean nothing ("It will be him.") is only said again word for word.
    """
    words = content_words(claim)
    if not words:
        return claim.lower().split() in [text.lower().split() for text in better]
    return any(
        words <= content_words(text) and dates(claim) <= dates(text) and _denies(claim) == _denies(text)
        for text in better
    )


def _denies(text: str) -> bool:
    return bool(traits(text).negations)
