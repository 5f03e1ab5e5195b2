"""Which tokens are known to be bad: a Bloom filter of two generations, so that it never fills up and always forgets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

CAPACITY = 10_000
"""Items of one generation (SPEC section 3)."""
FALSE_POSITIVES = 0.001
"""Of both generations together, when both are full (SPEC section 3)."""
GENERATION_S = 300.0
"""A generation's longest life. It bounds how long a good token that is mistaken for a bad one stays refused."""


class BloomFilter:
    """A set of digests that may say "in" wrongly, at the given rate when `capacity` items are in it, never "out".

    Items are 16 or more uniformly distributed bytes, such as keyed hashes, so their own bits serve as the hash
    functions: the i-th is h1 + i·h2 (Kirsch and Mitzenmacher, 2006). Bits: the textbook optimum, rounded up to a
    power of two, all of which an odd step can reach.
    """

    __slots__ = ("_bits", "_functions", "_size", "items")

    def __init__(self, capacity: int, false_positives: float) -> None:
        optimum = math.ceil(-capacity * math.log(false_positives) / math.log(2) ** 2)
        self._size = 1 << optimum.bit_length()
        self._functions = math.ceil(-math.log2(false_positives))
        self._bits = bytearray(self._size // 8)
        self.items = 0

    def add(self, digest: bytes) -> None:
        for place in self._places(digest):
            self._bits[place >> 3] |= 1 << (place & 7)
        self.items += 1

    def __contains__(self, digest: bytes) -> bool:
        return all(self._bits[place >> 3] & (1 << (place & 7)) for place in self._places(digest))

    def _places(self, digest: bytes) -> list[int]:
        first = int.from_bytes(digest[:8], "big")
        step = int.from_bytes(digest[8:16], "big") | 1
        return [(first + i * step) % self._size for i in range(self._functions)]


class KnownBad:
    """Two generations: the newer takes what comes, the older is forgotten when the newer is full or old."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._newer, self._older = _generation(), _generation()
        self._began = self._clock()

    def add(self, digest: bytes) -> None:
        """Remember a digest that no usable token has."""
        self._turn_over()
        if digest not in self._newer:
            self._newer.add(digest)

    def __contains__(self, digest: bytes) -> bool:
        self._turn_over()
        return digest in self._newer or digest in self._older

    def _turn_over(self) -> None:
        age = self._clock() - self._began
        if self._newer.items < CAPACITY and age < GENERATION_S:
            return
        # After two lifetimes without a look, both have outlived theirs.
        self._older = self._newer if age < 2 * GENERATION_S else _generation()
        self._newer = _generation()
        self._began = self._clock()


def _generation() -> BloomFilter:
    return BloomFilter(CAPACITY, FALSE_POSITIVES / 2)
