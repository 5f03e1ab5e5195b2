"""The full-text arm's side of a question: its words, how much each is worth, and which are worth searching for.

A question is the OR of its words (QUALITY section 1: with AND, recall is .004). A word weighs by how rare it is in the
agent. A rare word is searched for alone; of the others a row must have two, so that no question touches half of a large
agent; all of them are weighed.
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
PAIRED_MAX = 6
"""Words that are searched for two by two: the rarest of those that are too common alone."""
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

    A row is brought up by one word of `alone`, or by two of `paired`.
    """

    lexemes: tuple[str, ...]
    weights: Floats
    alone: tuple[str, ...]
    paired: tuple[str, ...]

    @property
    def tsqueries(self) -> list[str]:
        """Each word as PostgreSQL's text form of a query."""
        return [_quoted(lexeme) for lexeme in self.lexemes]

    @property
    def any_of(self) -> str:
        """What to search for, joined by OR; empty when there is nothing to search for."""
        pairs = itertools.combinations(map(_quoted, self.paired), 2)
        return " | ".join([*map(_quoted, self.alone), *(f"({one} & {other})" for one, other in pairs)])


def weigh(lexemes: Sequence[str], vocabulary: Vocabulary) -> Terms:
    """idf of each word, smoothed as in BM25, as its share of the whole question."""
    known = tuple(lexemes[:TERMS_MAX])
    counts = [vocabulary.counts.get(lexeme, 0) for lexeme in known]
    total = vocabulary.sampled + PRIOR_ROWS
    idf = np.array([math.log(1 + (total - count + 0.5) / (count + 0.5)) for count in counts])
    weights = idf / idf.sum() if known else idf
    alone, paired = _searched(known, counts, vocabulary)
    return Terms(lexemes=known, weights=weights, alone=alone, paired=paired)


def _searched(
    lexemes: tuple[str, ...], counts: Sequence[int], vocabulary: Vocabulary
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rarest words, until together they match MATCHES_MAX rows, and those that come next. The
    only word of a question is searched for however common it is.
    """
    scale = vocabulary.rows / vocabulary.sampled if vocabulary.sampled else 1.0
    rarest = [lexeme for _, lexeme in sorted(zip(counts, lexemes, strict=True))]
    matched = list(itertools.accumulate(count * scale for count in sorted(counts)))
    rare = sum(total <= MATCHES_MAX for total in matched)
    if rare == 0 and len(rarest) == 1:
        rare = 1
    paired = rarest[rare : rare + PAIRED_MAX]
    return tuple(rarest[:rare]), tuple(paired) if len(paired) > 1 else ()


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
