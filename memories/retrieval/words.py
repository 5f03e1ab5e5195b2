"""The full-text arm's side of a question: its words, how much each is worth, and which are worth searching for.

A question is the OR of its words (QUALITY section 1: with AND, recall is .004). A word weighs by how rare it is in the
agent. A rare word is searched for alone; of the others a row must have two, so that no question touches half of a large
agent. All of them are weighed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TERMS_MAX = 48
"""Words of one question that are weighed; their matches travel as the bits of one integer."""
MATCHES_MAX = 1_000
"""Rows that rare words may bring up together. In an agent of 100,000 memories each thousand costs about 5 ms."""
TOGETHER_MAX = 500
"""Rows that groups of common words may bring up besides: as many as the search of a large agent ranks (migration 0016),
so that none is left to chance."""
COMMON_MAX = 6
"""Words that are too common alone and are searched for together: the rarest of them."""
EVERYWHERE = 0.5
"""Share of rows from which a word tells nothing about a row."""
PRIOR_ROWS = 20
"""Added to the size of an agent, so that in a nearly empty one a word that is known is not worth nothing."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """In how many of `sampled` rows each word stands; the agent may have more `rows` than were sampled."""

    rows: int = 0
    sampled: int = 0
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The weighed words of one question. `weights` sum to 1, in the order of `lexemes`.

    A row is brought up by one word of `alone`, or by the first word of a group in `together` with any other of it.
    """

    lexemes: tuple[str, ...]
    weights: Floats
    alone: tuple[str, ...]
    together: tuple[tuple[str, ...], ...]

    @property
    def tsqueries(self) -> list[str]:
        """Each word as PostgreSQL's text form of a query."""
        return [_quoted(lexeme) for lexeme in self.lexemes]

    @property
    def any_alone(self) -> str:
        """The words to search for by themselves, joined by OR; empty when there is none."""
        return " | ".join(map(_quoted, self.alone))

    @property
    def any_together(self) -> str:
        """The groups to search for, joined by OR; empty when there is none."""
        groups = ([_quoted(word) for word in group] for group in self.together)
        return " | ".join(f"{first} & ({' | '.join(rest)})" for first, *rest in groups)

    @property
    def any_of(self) -> str:
        """All that is to be searched for, joined by OR; empty when there is nothing."""
        return " | ".join(filter(None, (self.any_alone, self.any_together)))


def weigh(lexemes: Sequence[str], vocabulary: Vocabulary) -> Terms:
    """idf of each word, smoothed as in BM25, as its share of the whole question."""
    known = tuple(lexemes[:TERMS_MAX])
    counts = [vocabulary.counts.get(lexeme, 0) for lexeme in known]
    total = vocabulary.sampled + PRIOR_ROWS
    idf = np.array([math.log(1 + (total - count + 0.5) / (count + 0.5)) for count in counts])
    weights = idf / idf.sum() if known else idf
    alone, together = _searched(sorted(zip(counts, known, strict=True)), vocabulary)
    return Terms(lexemes=known, weights=weights, alone=alone, together=together)


def _searched(
    rarest: Sequence[tuple[int, str]], vocabulary: Vocabulary
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The rarest words, until together they match MATCHES_MAX rows, and groups of those that come next. The only word
    of a question is searched for however common it is.
    """
    scale = vocabulary.rows / vocabulary.sampled if vocabulary.sampled else 1.0
    matched = itertools.accumulate(count * scale for count, _ in rarest)
    rare = sum(total <= MATCHES_MAX for total in matched)
    common = [one for one in rarest[rare:] if one[0] <= EVERYWHERE * vocabulary.sampled][:COMMON_MAX]
    together = _together(common, vocabulary)
    if rarest and not rare and not together:
        rare = 1
    return tuple(word for _, word in rarest[:rare]), together


def _together(common: Sequence[tuple[int, str]], vocabulary: Vocabulary) -> tuple[tuple[str, ...], ...]:
    """Each word with those that are more common, from the rarest on, while few enough rows are to be expected.

    Led by its rarest word a group costs what that word costs, and each other adds to it: the index looks it up in the
    rows of the first.
    """
    groups: list[tuple[str, ...]] = []
    expected = 0.0
    for at, (count, first) in enumerate(common[:-1], 1):
        led = vocabulary.rows * count / vocabulary.sampled
        shares = itertools.accumulate(other / vocabulary.sampled for other, _ in common[at:])
        matched = [expected + led * min(1.0, share) for share in shares]
        others = sum(rows <= TOGETHER_MAX for rows in matched) or int(not groups)
        if not others:
            break
        groups.append((first, *(word for _, word in common[at : at + others])))
        expected = matched[others - 1]
    return tuple(groups)


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
