"""The rows of a held copy that are nearest to a question, without reading all of their vectors.

15 MB of vectors do not stay in a processor's cache beside what embeds the question, and reading them is what comparing
them costs: 10,000 cosines take .2 ms where they stay, else 1 to 3. So the copy keeps a shadow of each vector, its part
along the 64 axes on which the copy's rows lie most, a sixth as large. The rows whose shadows are nearest are compared
exactly. How many of the truly nearest are among them: benchmarks/quality_retrieval.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from memories.embedding import Vector
from memories.retrieval.fusion import Bools, Floats, Ints

Matrix = npt.NDArray[np.float32]

SIFTED_FROM = 2_000
"""Rows from which sifting is cheaper than comparing all."""
SIFTED_SHARE = 0.06
"""Of the rows, how many are compared exactly."""
AXES = 64
AXES_ROWS = 2_000
"""Rows, evenly chosen, that the axes are found by."""
AXES_ROUNDS = 4
"""Of subspace iteration, which finds the axes in a tenth of the time of an exact decomposition."""
_HEADER = 4
"""Bytes before the values of PostgreSQL's binary form of a halfvec."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """Unit vectors (rows x width; width 0 where no row has one), zeros for a row that has none."""

    values: Matrix
    axes: Matrix
    """64 x width; none where so few rows are not sifted."""
    shadows: Matrix
    """Rows x 64: `values` along the axes."""

    @classmethod
    def of(cls, sent: Sequence[bytes | None]) -> Self:
        """From PostgreSQL's binary form of halfvecs."""
        width = max(((len(raw) - _HEADER) // 2 for raw in sent if raw is not None), default=0)
        values = np.zeros((len(sent), width), dtype=np.float32)
        for at, raw in enumerate(sent):
            if raw is not None:
                values[at] = np.frombuffer(raw, dtype=">f2", offset=_HEADER)
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        np.divide(values, lengths, out=values, where=lengths > 0)
        axes = main_axes(values) if len(sent) > SIFTED_FROM and width > AXES else values[:0]
        return cls(values=values, axes=axes, shadows=np.ascontiguousarray(values @ axes.T))

    def cosines(self, vector: Vector, at: Ints) -> Floats:
        """Of the rows at `at` to a question's vector; 0 for a row that has none."""
        if not self.values.shape[1]:
            return np.zeros(len(at))
        return (self.values[at] @ vector).astype(np.float64)

    def nearest(self, vector: Vector, there: Bools, most: int) -> Ints:
        """The `most` rows of those that are `there` with the greatest cosines, best first."""
        if len(self.axes):
            shadowed = np.where(there, self.shadows @ (self.axes @ vector), -np.inf)
            sifted = max(most, int(len(there) * SIFTED_SHARE))
            rows = np.sort(np.argpartition(shadowed, len(there) - sifted)[-sifted:])
            rows = rows[there[rows]]
        else:
            rows = np.flatnonzero(there)
        return rows[best(self.cosines(vector, rows), most)]


def as_sent(vector: Vector) -> bytes:
    """A vector as PostgreSQL would send it: what `Vectors.of` reads."""
    return bytes(_HEADER) + vector.astype(">f2").tobytes()


def main_axes(values: Matrix) -> Matrix:
    """The orthonormal axes (64 x width) that keep most of the inner products of such vectors, the same each time."""
    seen = values[:: max(1, len(values) // AXES_ROWS)]
    moments = seen.T @ seen
    axes = np.random.default_rng(0).standard_normal((values.shape[1], AXES), dtype=np.float32)
    for _ in range(AXES_ROUNDS):
        axes = np.linalg.qr(moments @ axes)[0]
    return np.ascontiguousarray(axes.T)


def best(values: Floats, most: int) -> Ints:
    """Places of the greatest values, the greatest first; of equal ones the newest rows."""
    among = np.arange(len(values))
    if len(values) > most:  # only those that may be among them are put in order
        least = np.partition(values, len(values) - most)[len(values) - most]
        among = np.flatnonzero(values >= least)
    newest_first = among[::-1]
    return newest_first[np.argsort(-values[newest_first], kind="stable")[:most]]
