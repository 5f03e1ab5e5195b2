"""Whether an excerpt says anything that a text beside it does not: a claim and its evidence need not both be read."""

from __future__ import annotations

from collections.abc import Sequence

from context.words import content_words

RESTATED_SHARE = 0.8
"""Of an excerpt's words, how many one other text has: what is left is a name, a greeting or an aside."""


def restates(excerpt: str, texts: Sequence[str]) -> bool:
    """Whether one of `texts` says what `excerpt` says. An excerpt of words that mean nothing says nothing."""
    words = content_words(excerpt)
    return any(len(words & content_words(text)) >= RESTATED_SHARE * len(words) for text in texts)
