"""How useful a memory is, from 0 to 1, as those say who saw it at work (SPEC section 6). The one home of the formula.

It stands at NEUTRAL until somebody says something. Each verdict moves it by a share of the way that is left,

    u ← u + STEP · (1 - u) when it helped,    u ← u - STEP · u when it did not,

so that the latest verdicts count most: five of one kind lead from 0.5 to 0.84, and none before the last twenty matters.
With time it drifts back to where nobody has said anything,

    u ← NEUTRAL + (u - NEUTRAL) · 2^(-days / HALF_LIFE_DAYS),

which may be applied in one go or day by day. It never leaves LEAST…MOST: no memory is buried or crowned for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

NEUTRAL = 0.5
STEP = 0.2
"""Share of the way to 1 or 0 that one verdict goes: the second decimal of a score moves, the ranking seldom turns."""
HALF_LIFE_DAYS = 90.0
LEAST, MOST = 0.05, 0.95

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Somebody found a memory useful, or not."""

    at: datetime
    useful: bool


def usefulness(verdicts: Iterable[Verdict], now: datetime) -> float:
    """What these verdicts, the oldest first, come to at `now`."""
    value, since = NEUTRAL, now
    for verdict in verdicts:
        value = drifted(value, verdict.at - since)
        value = _bounded(value + STEP * (verdict.useful - value))
        since = verdict.at
    return drifted(value, now - since)


def drifted(value: float, passed: timedelta) -> float:
    """A usefulness after some time without a verdict."""
    days = max(passed / _DAY, 0.0)
    return NEUTRAL + (value - NEUTRAL) * 2 ** (-days / HALF_LIFE_DAYS)


def _bounded(value: float) -> float:
    return min(MOST, max(LEAST, value))
