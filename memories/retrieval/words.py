"""The full-text arm's side of a question: its words, how much each is worth, and which are worth searching for.

A question is the OR of its words (QUALITY section 1: with AND, recall is .004). A word weighs by how rare it is in the
agent; words that stand everywhere are left out of the search, not out of the weighing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TERMS_MAX = 48
"""Words of one question that are weighed; their matches travel as the bits of one integer."""
MATCHES_MAX = 2_000
"""Rows that the full-text arm may touch: the rarest words that match no more are kept (LIMITS section 2)."""
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
    """The weighed words of one question. `weights` sum to 1, in the order of `lexemes`."""

    lexemes: tuple[str, ...]
    weights: Floats
    searched: tuple[str, ...]

    @property
    def tsqueries(self) -> list[str]:
        """Each word as PostgreSQL's text form of a query."""
        return [_quoted(lexeme) for lexeme in self.lexemes]

    @property
    def any_of(self) -> str:
        """The words to search for, joined by OR; empty when there is nothing to search for."""
        return " | ".join(_quoted(lexeme) for lexeme in self.searched)


def weigh(lexemes: Sequence[str], vocabulary: Vocabulary) -> Terms:
    """idf of each word, smoothed as in BM25, as its share of the whole question."""
    known = tuple(lexemes[:TERMS_MAX])
    counts = [vocabulary.counts.get(lexeme, 0) for lexeme in known]
    total = vocabulary.sampled + PRIOR_ROWS
    idf = np.array([math.log(1 + (total - count + 0.5) / (count + 0.5)) for count in counts])
    weights = idf / idf.sum() if known else idf
    return Terms(lexemes=known, weights=weights, searched=_searched(known, counts, vocabulary))


def _searched(lexemes: tuple[str, ...], counts: Sequence[int], vocabulary: Vocabulary) -> tuple[str, ...]:
    """The rarest words, until together they match MATCHES_MAX rows; always the rarest one."""
    scale = vocabulary.rows / vocabulary.sampled if vocabulary.sampled else 1.0
    kept: list[str] = []
    matched = 0.0
    for count, lexeme in sorted(zip(counts, lexemes, strict=True)):
        matched += count * scale
        if kept and matched > MATCHES_MAX:
            break
        kept.append(lexeme)
    return tuple(kept)


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
