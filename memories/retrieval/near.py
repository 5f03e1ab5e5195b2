"""The rows of a held copy that are nearest to a question, without reading all of their vectors.

15 MB of vectors do not stay in a processor's cache beside what embeds the question, and reading them is what comparing
them costs: 10,000 cosines take .2 ms where they stay, else 1 to 3. So the copy keeps a shadow of each vector, its part
along the 64 axes on which the copy's rows lie most, a byte each. The rows whose shadows are nearest are compared
exactly. How many of the truly nearest are among them: benchmarks/quality_retrieval.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ibex.core.native import address
from memories.embedding import Vector
from memories.retrieval.arms import arms
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
SHADOW_MAX, ASKED_MAX = 127, 2_047
"""Greatest whole number of a shadow, and of a question's: 64 products of them are exact in single precision."""
_TINY = 1e-30
"""Instead of nothing, where something is divided by it."""
_HEADER = 4
"""Bytes before the values of PostgreSQL's binary form of a halfvec."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """Unit vectors (rows x width; width 0 where no row has one), zeros for a row that has none."""

    values: Matrix
    axes: Matrix
    """64 x width, each as long as one in its column of `shadows`; none where so few rows are not sifted."""
    shadows: npt.NDArray[np.int8]
    """Rows x 64: `values` along the axes, the greatest along each 127."""

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
        along = values @ axes.T
        units = np.maximum(np.abs(along).max(axis=0, initial=0.0), _TINY) / SHADOW_MAX
        shadows = np.rint(along / units).astype(np.int8)
        return cls(values=values, axes=axes * units[:, None], shadows=shadows)

    def cosines(self, vector: Vector, at: Ints) -> Floats:
        """Of the rows at `at` to a question's vector; 0 for a row that has none."""
        width = self.values.shape[1]
        compiled = arms() if width == len(vector) else None
        if compiled is None:
            return (self.values[at] @ vector).astype(np.float64) if width else np.zeros(len(at))
        asked, found = np.ascontiguousarray(vector, dtype=np.float32), np.empty(len(at))
        compiled.cosines(address(self.values), width, address(asked), address(at), len(at), address(found))
        return found

    def nearest(self, vector: Vector, there: Bools, most: int) -> Ints:
        """The `most` rows of those that are `there` with the greatest cosines, best first."""
        count, width = self.values.shape
        to_compare = max(most, int(count * SIFTED_SHARE))
        compiled = arms() if width == len(vector) else None
        if compiled is None:
            rows = self._sifted(vector, there, to_compare)
            return rows[best(self.cosines(vector, rows), most)]
        asked, shadow = np.ascontiguousarray(vector, dtype=np.float32), self._shadow_of(vector)
        work, values, found = np.empty((2, count), np.int32), np.empty(most), np.empty(most, dtype=np.int64)
        got = compiled.nearest(
            *(count, address(self.values), width, address(asked)),
            *(address(self.shadows), len(self.axes), address(shadow), address(there)),
            *(to_compare, most, address(work), address(values), address(found)),
        )
        return found[:got]

    def _sifted(self, vector: Vector, there: Bools, most: int) -> Ints:
        """The rows that are compared exactly, in their order: those whose shadows are nearest."""
        if not len(self.axes):
            return np.flatnonzero(there)
        shadow = self._shadow_of(vector).astype(np.float32)
        scores = np.where(there, self.shadows.astype(np.float32) @ shadow, -np.inf)
        rows = np.sort(np.argpartition(scores, len(there) - most)[-most:])
        return rows[there[rows]]

    def _shadow_of(self, vector: Vector) -> npt.NDArray[np.int16]:
        along: Matrix = self.axes @ vector
        greatest = max(float(np.abs(along).max(initial=0.0)), _TINY)
        shadow: npt.NDArray[np.int16] = np.rint(along * (ASKED_MAX / greatest)).astype(np.int16)
        return shadow


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
