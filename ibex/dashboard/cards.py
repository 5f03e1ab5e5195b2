"""The cards of Home: one number of the last days each, with its course and how it differs from the days before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ibex.core.templatetags.ibex_ui import EN_DASH
from ibex.dashboard.selectors import Overview

THOUSAND = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """`change`: against the days before, in words; `tone` is good, bad or empty."""

    label: str
    value: str
    unit: str = ""
    change: str = ""
    tone: str = ""
    course: Sequence[float | None]
    course_label: str


def cards(view: Overview) -> list[Card]:
    """The five numbers, in the order in which an operator asks for them."""
    total, earlier = view.total, view.earlier
    failed = f"{compact(total.failed)} failed" if total.failed else ""
    return [
        Card(
            label="Requests",
            value=compact(total.calls),
            change=failed or _change(total.calls, earlier.calls),
            tone="bad" if failed else "",
            course=[day.calls for day in view.daily],
            course_label="Requests by day",
        ),
        Card(
            label="Tokens",
            value=compact(total.tokens),
            change=_change(total.tokens, earlier.tokens),
            course=[day.tokens for day in view.daily],
            course_label="Tokens by day",
        ),
        Card(
            label="Overhead, p95",
            value=EN_DASH if total.overhead_ms is None else f"{total.overhead_ms:.1f}",
            unit="" if total.overhead_ms is None else "ms",
            change=_change(total.overhead_ms, earlier.overhead_ms),
            tone=_lower_is_better(total.overhead_ms, earlier.overhead_ms),
            course=[day.overhead_ms for day in view.daily],
            course_label="95th percentile of IBEX's own milliseconds, by day",
        ),
        Card(
            label="Active agents",
            value=compact(total.agents),
            course=[day.agents for day in view.daily],
            course_label="Agents that were called, by day",
        ),
        Card(
            label="Memories learned",
            value=compact(sum(view.learned)),
            change=_change(sum(view.learned), view.learned_earlier),
            course=view.learned,
            course_label="Memories learned, by day",
        ),
    ]


def compact(number: float) -> str:
    """1,234 as it is; from 10,000 on 12.3k, 4.5M, 6.7B."""
    for size, suffix in ((THOUSAND**3, "B"), (THOUSAND**2, "M"), (THOUSAND, "k")):
        if number >= size and number >= 10 * THOUSAND:
            return f"{number / size:.1f}{suffix}"
    return f"{number:,.0f}"


def _change(now: float | None, before: float | None) -> str:
    """`+12 %`; empty where there is nothing to compare with."""
    if not now or not before:
        return ""
    percent = round((now - before) / before * 100)
    return f"{percent:+,} %".replace("-", "\N{MINUS SIGN}") if percent else "±0 %"


def _lower_is_better(now: float | None, before: float | None) -> str:
    if now is None or before is None or round(now, 1) == round(before, 1):
        return ""
    return "good" if now < before else "bad"
