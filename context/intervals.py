"""How much two groups of sessions differ, and how sure that is: Welch's interval, with a session as the unit.

A figure is a ratio of sums over sessions, R = Σx / Σy: y is 1 for a mean per session, or what x happens among (turns,
calls, verdicts). Turns of one session are alike, so its variance is that of sessions (the delta method, Cochran 1977,
section 6.4):

    var R = n / (n - 1) · Σ (x - R·y)² / (Σy)²,

which for y = 1 is the variance of a mean. The difference of two groups has the sum of their variances, and Student's t
with Welch and Satterthwaite's degrees of freedom. Sessions that began under different shares are compared among
themselves (strata), and the differences averaged by how many sessions each stratum has: what else changed between them
then does not count as an effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """One figure over the `n` sessions of one group. `some`: sessions with an x; `not_all`: with less x than y."""

    n: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0
    some: int = 0
    not_all: int = 0

    @property
    def ratio(self) -> float:
        """R."""
        return self.x / self.y

    @property
    def variance(self) -> float:
        """Of R."""
        ratio = self.ratio
        residual = max(0.0, self.xx - 2 * ratio * self.xy + ratio * ratio * self.yy)
        return self.n / (self.n - 1) * residual / (self.y * self.y)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stratum:
    """The two groups of sessions that began under one share."""

    with_memories: Sums
    held_out: Sums

    @property
    def n(self) -> int:
        """Sessions of both."""
        return self.with_memories.n + self.held_out.n


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A figure of both groups, and the 95 % interval of what lies between them."""

    with_memories: float
    held_out: float
    error: float
    """Standard error of the difference."""
    freedom: float

    @property
    def value(self) -> float:
        """With memories minus held out."""
        return self.with_memories - self.held_out

    @property
    def low(self) -> float:
        """The lower bound."""
        return self.value - self.reach(CONFIDENCE)

    @property
    def high(self) -> float:
        """The upper bound."""
        return self.value + self.reach(CONFIDENCE)

    def scaled(self, factor: float) -> Difference:
        """The same in another unit."""
        return replace(
            self,
            with_memories=self.with_memories * factor,
            held_out=self.held_out * factor,
            error=self.error * factor,
        )

    def reach(self, confidence: float) -> float:
        """Half of the interval's width."""
        return student_t(1 - (1 - confidence) / 2, self.freedom) * self.error

    def leaves_out_zero(self, *, of: int = 1) -> bool:
        """Whether the interval is on one side of zero; `of` figures together are wrong once in twenty (Bonferroni)."""
        return abs(self.value) > self.reach(1 - (1 - CONFIDENCE) / of)


def difference(strata: Sequence[Stratum]) -> Difference:
    """Of strata whose groups have two sessions and more each."""
    whole = sum(stratum.n for stratum in strata)
    shares = [stratum.n / whole for stratum in strata]
    parts = [
        (share * share * sums.variance, sums.n - 1)
        for share, stratum in zip(shares, strata, strict=True)
        for sums in (stratum.with_memories, stratum.held_out)
    ]
    variance = sum(part for part, _ in parts)
    spread = sum(part * part / freedom for part, freedom in parts)
    return Difference(
        with_memories=sum(share * stratum.with_memories.ratio for share, stratum in zip(shares, strata, strict=True)),
        held_out=sum(share * stratum.held_out.ratio for share, stratum in zip(shares, strata, strict=True)),
        error=math.sqrt(variance),
        freedom=variance * variance / spread if spread else math.inf,
    )


def student_t(share: float, freedom: float) -> float:
    """The quantile of Student's t (Abramowitz and Stegun 26.7.5); within 0.001 from ten degrees of freedom on."""
    z = NormalDist().inv_cdf(share)
    if math.isinf(freedom):
        return z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
