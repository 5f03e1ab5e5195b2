"""Whether a text says anything that one beside it does not: a claim and its evidence need not both be read, nor a claim
twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from context.words import words_of
from memories.refinement.guards import dates
from memories.refinement.words import traits

RESTATED_SHARE = 0.8
"""Of an excerpt's words, how many one other text has: what is left is a name, a greeting or an aside."""


class Told:
    """Texts that are read anyhow. A word that none of them has settles most questions without looking at each."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: list[str] = []
        self._words: list[Sequence[str]] = []
        self._all_words: set[str] = set()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """One more."""
        words = words_of(text)
        self._texts.append(text)
        self._words.append(words)
        self._all_words.update(words)

    def says(self, claim: str) -> bool:
        """Whether one of the texts says all that `claim` says: every word of meaning, so every number, name and date,
        and "not" where it does. Closer than for excerpts: a claim that is left out may be the one that was asked for.
        One of words that mean nothing ("It will be him.") is only said again word for word.
        """
        words = words_of(claim)
        if not words:
            return claim.lower().split() in [text.lower().split() for text in self._texts]
        return self._all_words.issuperset(words) and any(
            all(map(known.__contains__, words)) and _is_as_plain(claim, text)
            for known, text in zip(self._words, self._texts, strict=True)
        )

    def says_most_of(self, excerpt: str) -> bool:
        """Whether one of the texts says what `excerpt` says."""
        words = frozenset(words_of(excerpt))
        return any(has_most_of(words, known) for known in self._words)


def has_most_of(words: frozenset[str], known: Iterable[str]) -> bool:
    """Whether most of an excerpt's `words` are among `known`. An excerpt of words that mean nothing says nothing."""
    return len(words.intersection(known)) >= RESTATED_SHARE * len(words)


def _is_as_plain(claim: str, text: str) -> bool:
    return dates(claim) <= dates(text) and bool(traits(claim).negations) == bool(traits(text).negations)
