"""What memories do: an agent's sessions with them against those that were held out, over some days.

A session's arm is the one it was given when it began (`agents.holdout`), whatever became of it: a turn that got no
memories in time stays with those that should have had them, for such turns come with memories only, and leaving out
their sessions would leave out long ones on one side. Sessions that somebody treated otherwise, and such as have not
ended, are compared with none, and counted by reason. The arithmetic is in `context.intervals`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from agents.models import Agent
from context.compared import COMPARED, FIRST_SUM, SESSIONS_MAX, Left, Row, sums_of
from context.figures import FIGURES, Better, Figure
from context.intervals import Difference, Stratum, Sums, difference

EVEN_SESSIONS = 30
"""The smaller group must weigh as much as so many sessions of one size: a few long ones decide a mean. Without this the
interval left out the truth 1 time in 10 in simulated sessions, not 1 in 20 (`tests/context/test_context_effect.py`)."""
PERCENT = 100
SOME_SESSIONS = 5
"""Of a rate, sessions of each group where it happened, and where not always: of none at all nothing can be said."""


class Finding(StrEnum):
    """What an interval says."""

    NOT_ENOUGH = "not_enough_sessions"
    NO_DIFFERENCE = "no_difference"
    """Zero lies within it."""
    POSSIBLE = "possible"
    """Zero lies outside, as it does by chance for one of twenty figures."""
    CLEAR = "clear"
    """Zero lies outside even of the wider interval that allows for all the figures of the report."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One figure of both groups; None and NOT_ENOUGH where there are too few sessions to say."""

    figure: Figure
    difference: Difference | None
    finding: Finding

    @property
    def is_better(self) -> bool | None:
        """Whether memories made it better, where they made a difference and one way is better."""
        if self.difference is None or self.finding not in {Finding.POSSIBLE, Finding.CLEAR}:
            return None
        if self.figure.better is Better.NEITHER:
            return None
        return (self.difference.value < 0) == (self.figure.better is Better.LOWER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """The report. `since` and `until` are days in UTC, both included, by when sessions began."""

    since: date
    until: date
    with_memories: int
    held_out: int
    """Sessions that are compared."""
    degraded: int
    """Of those with memories, sessions with a turn that got none because of time or an error."""
    left_out: Mapping[str, int]
    """By `Left`; those of which there are none are not named."""
    is_cut: bool
    """There are more sessions than SESSIONS_MAX; these are the latest."""
    results: Sequence[Result]


def effect_of(agent: Agent, since: date, until: date) -> Effect:
    """The report on one agent, inside the tenant's scope: one statement at most."""
    rows = sums_of(agent.org_id, agent.pk, since, until)
    compared = [row for row in rows if row[0] == COMPARED]
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row[0]] += row[3]
    strata = [_stratum(compared, share) for share in sorted({row[1] for row in compared})]
    return Effect(
        since=since,
        until=until,
        with_memories=sum(row[3] for row in compared if not row[2]),
        held_out=sum(row[3] for row in compared if row[2]),
        degraded=sum(row[4] for row in compared if not row[2]),
        left_out={left.value: counts[left] for left in Left if counts[left]},
        is_cut=sum(counts.values()) >= SESSIONS_MAX,
        results=[judged(figure, [groups[at] for groups in strata]) for at, figure in enumerate(FIGURES)],
    )


def _stratum(rows: Sequence[Row], share: float) -> list[Stratum]:
    """Of the sessions that began under one share, each figure of both groups."""
    groups = {row[2]: row[FIRST_SUM:] for row in rows if row[1] == share}
    return [
        Stratum(with_memories=_sums(groups.get(False), at), held_out=_sums(groups.get(True), at))
        for at in range(len(FIGURES))
    ]


def _sums(row: Row | None, at: int) -> Sums:
    if row is None:
        return Sums()
    names = [each.name for each in fields(Sums)]
    return Sums(**dict(zip(names, row[at * len(names) : (at + 1) * len(names)], strict=True)))


def judged(figure: Figure, strata: Sequence[Stratum]) -> Result:
    """What the strata say about one figure; those that are too small say nothing."""
    enough = [stratum for stratum in strata if _is_enough(figure, stratum)]
    if not enough:
        return Result(figure=figure, difference=None, finding=Finding.NOT_ENOUGH)
    found = difference(enough)
    finding = Finding.NO_DIFFERENCE
    if found.leaves_out_zero():
        finding = Finding.CLEAR if found.leaves_out_zero(of=len(FIGURES)) else Finding.POSSIBLE
    return Result(figure=figure, difference=found.scaled(PERCENT) if figure.is_rate else found, finding=finding)


def _is_enough(figure: Figure, stratum: Stratum) -> bool:
    groups = (stratum.with_memories, stratum.held_out)
    smaller = min(group.n for group in groups)
    if figure.is_rate:
        seen = min(min(group.some, group.not_all) for group in groups)
        return smaller >= EVEN_SESSIONS and seen >= SOME_SESSIONS
    # How unequal sessions are is asked of both groups together: one that happens to lack the long ones looks even.
    whole, squares, n = (sum(getattr(group, name) for group in groups) for name in ("x", "xx", "n"))
    return smaller >= EVEN_SESSIONS and whole > 0 and smaller * whole * whole / (squares * n) >= EVEN_SESSIONS


def effect_as_json(effect: Effect) -> dict[str, Any]:
    """The wire form."""
    return {
        "since": effect.since.isoformat(),
        "until": effect.until.isoformat(),
        "sessions": {
            "with_memories": effect.with_memories,
            "held_out": effect.held_out,
            "degraded": effect.degraded,
            "left_out": dict(effect.left_out),
            "is_cut": effect.is_cut,
        },
        "figures": [_figure_as_json(result) for result in effect.results],
    }


def _figure_as_json(result: Result) -> dict[str, Any]:
    found = result.difference
    return {
        "name": result.figure.name,
        "unit": result.figure.unit,
        "finding": result.finding,
        "is_better": result.is_better,
        "with_memories": found.with_memories if found else None,
        "held_out": found.held_out if found else None,
        "difference": found.value if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
    }
