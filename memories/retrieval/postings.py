"""The words of a held copy's rows: which rows a question's words bring up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ibex.core.native import address
from memories.retrieval.arms import arms
from memories.retrieval.fusion import Bools, Floats, Ints
from memories.retrieval.near import best
from memories.retrieval.words import Terms, Vocabulary

_NOWHERE = (0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Postings:
    """Of each lexeme, the rows that have it."""

    rows: npt.NDArray[np.int32]
    """One lexeme after the other."""
    spans: Mapping[str, tuple[int, int]]
    """Of each lexeme, where its rows begin and end."""
    vocabulary: Vocabulary

    @classmethod
    def of(cls, lexemes: Sequence[Sequence[str]]) -> Self:
        """From the lexemes of each row."""
        found: dict[str, list[int]] = {}
        for at, of_row in enumerate(lexemes):
            for lexeme in of_row:
                found.setdefault(lexeme, []).append(at)
        counts = {lexeme: len(rows) for lexeme, rows in found.items()}
        stops = np.cumsum([0, *counts.values()]).tolist()
        return cls(
            rows=np.array([row for rows in found.values() for row in rows], dtype=np.int32),
            spans=dict(zip(found, itertools.pairwise(stops), strict=True)),
            vocabulary=Vocabulary(rows=len(lexemes), sampled=len(lexemes), counts=counts),
        )

    def worded(self, terms: Terms, there: Bools, most: int) -> tuple[Ints, Ints]:
        """The `most` rows of those that are `there` and that the words bring up, by the weight of the words that they
        have, best first; and which of `terms.lexemes` each row of the copy has, a bit each.
        """
        bits = {lexeme: 1 << place for place, lexeme in enumerate(terms.lexemes)}
        alone = sum(bits[lexeme] for lexeme in terms.alone)
        together = [(bits[first], sum(bits[other] for other in others)) for first, *others in terms.together]
        spans = [self.spans.get(lexeme, _NOWHERE) for lexeme in terms.lexemes]
        words, compiled = np.zeros(len(there), dtype=np.int64), arms()
        if compiled is None:
            shares = self._add(spans, terms.weights, words)
            searched = np.flatnonzero(there & _are_brought_up(words, alone, together))
            return searched[best(shares[searched], most)], words
        values, found = np.empty(most), np.empty(most, dtype=np.int64)
        pairs, begin_and_end = np.array(together, dtype=np.int64), np.array(spans, dtype=np.int64)
        count = compiled.worded(
            *(len(there), address(self.rows), len(spans), address(begin_and_end), address(terms.weights)),
            *(alone, len(together), address(pairs), address(there), most),
            *(address(words), address(values), address(found)),
        )
        return found[:count], words

    def _add(self, spans: Sequence[tuple[int, int]], weights: Floats, words: Ints) -> Floats:
        """Note in `words` which words each row has; returns their weight together."""
        shares = np.zeros(len(words))
        for place, ((start, stop), weight) in enumerate(zip(spans, weights, strict=True)):
            rows = self.rows[start:stop]
            words[rows] |= 1 << place
            shares[rows] += weight
        return shares


def _are_brought_up(words: Ints, alone: int, together: Sequence[tuple[int, int]]) -> Bools:
    found: Bools = (words & alone) != 0
    for first, others in together:
        found |= ((words & first) != 0) & ((words & others) != 0)
    return found
