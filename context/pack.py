"""Which memories fit: the 0/1 knapsack by score under a budget of tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

EXACT_CAPACITY = 8_000
"""Up to this many tokens the answer is the optimum. Above, tokens are counted in buckets of capacity / 8,000, rounded
up: the budget always holds, and the answer is at least the optimum of a budget less by a bucket an item, and one."""


def pack(values: Sequence[float], weights: Sequence[int], capacity: int) -> list[int]:
    """Indices of the items with the greatest sum of `values` whose `weights` (tokens) sum to at most `capacity`.

    Items that do not fit are skipped; indices come in ascending order. Same input, same answer.
    """
    fitting = [i for i, weight in enumerate(weights) if weight <= capacity and values[i] > 0]
    if sum(weights[i] for i in fitting) <= capacity:
        return fitting
    bucket = math.ceil(capacity / EXACT_CAPACITY)
    sizes = [math.ceil(weights[i] / bucket) for i in fitting]
    chosen = [fitting[row] for row in _knapsack([values[i] for i in fitting], sizes, capacity // bucket)]
    return sorted(_fill(chosen, fitting, values, weights, capacity)) if bucket > 1 else chosen


def _knapsack(values: Sequence[float], sizes: Sequence[int], capacity: int) -> list[int]:
    """Dynamic programming over capacities, one vectorised row an item: O(items * capacity)."""
    best = np.zeros(capacity + 1)
    taken = np.zeros((len(values), capacity + 1), dtype=bool)
    for row, (value, size) in enumerate(zip(values, sizes, strict=True)):
        if size > capacity:  # rounding up to buckets made it so
            continue
        with_it = best[: capacity + 1 - size] + value
        better = with_it > best[size:]
        taken[row, size:] = better
        np.copyto(best[size:], with_it, where=better)
    return _walk_back(taken, sizes, capacity)


def _walk_back(taken: np.ndarray, sizes: Sequence[int], capacity: int) -> list[int]:
    chosen = []
    for row in range(len(sizes) - 1, -1, -1):
        if taken[row, capacity]:
            chosen.append(row)
            capacity -= sizes[row]
    return chosen[::-1]


def _fill(
    chosen: list[int], fitting: Sequence[int], values: Sequence[float], weights: Sequence[int], capacity: int
) -> list[int]:
    """What rounding left free goes to the best that still fits."""
    free = capacity - sum(weights[i] for i in chosen)
    for i in sorted(set(fitting) - set(chosen), key=lambda i: (-values[i], i)):
        if weights[i] <= free:
            chosen.append(i)
            free -= weights[i]
    return chosen
