"""How useful a memory is, from 0 to 1, as those say who saw it at work (SPEC section 6). The one home of the formula.

It stands at NEUTRAL until somebody says something. Each verdict moves it by a share of the way that is left,

    u ← u + STEP · (1 - u) when it helped,    u ← u - STEP · u when it did not,

so that the latest verdicts count most: five of one kind lead from 0.5 to 0.84, and none before the last twenty matters.
With time it drifts back to where nobody has said anything,

    u ← NEUTRAL + (u - NEUTRAL) · 2^(-days / HALF_LIFE_DAYS),

which may be applied in one go or day by day. It never leaves LEAST…MOST: no memory is buried or crowned for good.

Beside what people say stands what the answers show: each time the memory was shown, whether the answer used it
(`Showing`; an estimate from words). With U the times it was used and N those it was not, each faded by the same
half-life, it leans by

    REACH · (U - USUAL · N) / (U + USUAL · N + DOUBT),

so that a memory which is used as often as most are stays where it is, being shown never raises it, and all showings
together move less than one verdict. Where people have spoken it never turns what they said: against their side it takes
back at most OPPOSED of the way they moved it.
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
REACH = 0.08
"""The most that showings move it; the first verdict moves it by STEP / 2, which is more."""
USUAL = 0.25
"""What one showing without a use weighs against one with: of four memories in a prompt about one is used."""
DOUBT = 3.0
"""Showings that stand for knowing nothing yet."""
OPPOSED = 0.5

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Somebody found a memory useful, or not."""

    at: datetime
    useful: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Showing:
    """A memory stood in a prompt, and its answer used it, or did not."""

    at: datetime
    is_used: bool


def usefulness(verdicts: Iterable[Verdict], now: datetime, showings: Iterable[Showing] = ()) -> float:
    """What these verdicts, the oldest first, and these showings come to at `now`."""
    value, since = NEUTRAL, now
    for verdict in verdicts:
        value = drifted(value, verdict.at - since)
        value = _bounded(value + STEP * (verdict.useful - value))
        since = verdict.at
    said = drifted(value, now - since) - NEUTRAL
    shown = lean(showings, now)
    if said * shown < 0:
        shown = max(-OPPOSED * abs(said), min(OPPOSED * abs(said), shown))
    return _bounded(NEUTRAL + said + shown)


def lean(showings: Iterable[Showing], now: datetime) -> float:
    """How far showings alone move a usefulness: from -REACH to REACH, 0 without any."""
    used = unused = 0.0
    for showing in showings:
        faded = _faded(now - showing.at)
        used, unused = (used + faded, unused) if showing.is_used else (used, unused + USUAL * faded)
    return REACH * (used - unused) / (used + unused + DOUBT)


def drifted(value: float, passed: timedelta) -> float:
    """A usefulness after some time without a verdict."""
    return NEUTRAL + (value - NEUTRAL) * _faded(passed)


def _faded(passed: timedelta) -> float:
    """What is left of 1 after some time."""
    return float(2 ** (-max(passed / _DAY, 0.0) / HALF_LIFE_DAYS))


def _bounded(value: float) -> float:
    return min(MOST, max(LEAST, value))
