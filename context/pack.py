"""Which memories fit: the 0/1 knapsack by score under a budget of tokens."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ibex.core.native import address, declared

_N, _P = ctypes.c_int64, ctypes.c_void_p


def pack(values: Sequence[float], weights: Sequence[int], capacity: int) -> list[int]:
    """Indices of the items with the greatest sum of `values` whose `weights` (tokens) sum to at most `capacity`.

    What does not fit is skipped; indices come in ascending order. Exact: dynamic programming over every capacity.
    100 items and 32,000 tokens, the most that an agent may allow, take about 2 ms of CPU.
    """
    fitting = [i for i, weight in enumerate(weights) if weight <= capacity]
    if sum(weights[i] for i in fitting) <= capacity:
        return fitting
    knapsack = _knapsack if compiled() is None else _knapsack_in_c
    return [fitting[row] for row in knapsack([values[i] for i in fitting], [weights[i] for i in fitting], capacity)]


@lru_cache(maxsize=1)
def compiled() -> ctypes.CDLL | None:
    """The knapsack in C; None where it cannot be had. The first call compiles it, and blocks."""
    return declared(Path(__file__).with_name("pack.c"), {"pack": (None, (_N, _P, _P, _N, _P, _P, _P, _P))})


def _knapsack_in_c(values: Sequence[float], weights: Sequence[int], capacity: int) -> list[int]:
    count, code = len(values), compiled()
    assert code is not None  # noqa: S101
    worth, tokens = np.array(values, dtype=np.float64), np.array(weights, dtype=np.int64)
    best, beside = np.zeros(capacity + 1), np.empty(capacity + 1)
    taken, chosen = np.empty((count, capacity + 1), dtype=bool), np.empty(count, dtype=bool)
    code.pack(
        *(count, address(worth), address(tokens), capacity),
        *map(address, (best, beside, taken, chosen)),
    )
    return np.flatnonzero(chosen).tolist()


def _knapsack(values: Sequence[float], weights: Sequence[int], capacity: int) -> list[int]:
    best = np.zeros(capacity + 1)
    taken = np.zeros((len(values), capacity + 1), dtype=bool)
    beside = np.empty(capacity + 1)
    later = sum(weights)
    for row, (value, weight) in enumerate(zip(values, weights, strict=True)):
        # Where all that comes later leaves room, nobody will ask what was best in less.
        later -= weight
        first = max(weight, capacity - later)
        with_it = np.add(best[first - weight : capacity + 1 - weight], value, out=beside[first:])
        np.greater(with_it, best[first:], out=taken[row, first:])
        np.maximum(with_it, best[first:], out=best[first:])
    return _walk_back(taken, weights, capacity)


def _walk_back(taken: np.ndarray, weights: Sequence[int], capacity: int) -> list[int]:
    chosen = []
    for row in range(len(weights) - 1, -1, -1):
        if taken[row, capacity]:
            chosen.append(row)
            capacity -= weights[row]
    return chosen[::-1]
