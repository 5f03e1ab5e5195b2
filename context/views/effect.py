"""What memories do: a page of each agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from agents.access import PlacedRequest, operator_page
from agents.views.agents import agent_context, agent_or_404
from context.compared import Left
from context.effect import Effect, Finding, Result, effect_of
from context.period import latest, period_of
from ibex.core.errors import InvalidRequest
from ibex.core.htmx import page

PERIODS_DAYS = (7, 30, 90)
TITLES = {
    "turns": ("Turns", "per session"),
    "corrections": ("Corrections", "of 100 turns"),
    "prompt_tokens": ("Tokens in", "per session"),
    "completion_tokens": ("Tokens out", "per session"),
    "cost": ("Cost", "US$ per session"),
    "useful": ("Useful", "of 100 verdicts on answers"),
    "errors": ("Errors", "of 100 calls"),
}
REASONS = {
    Left.NO_HOLDOUT: "began when no sessions were held out",
    Left.RUNNING: "are still running",
    Left.UNREAD: "have turns that are not read yet",
    Left.OFF: "had memories switched off in some turns",
    Left.SHADOW: "had turns in shadow mode",
    Left.CHANGED: "ran while the holdout was changed",
}
FINDINGS = {
    Finding.NOT_ENOUGH: "Not enough sessions yet",
    Finding.NO_DIFFERENCE: "No difference to be seen",
    Finding.POSSIBLE: "May differ",
    Finding.CLEAR: "Differs",
}
SMALL = 10
"""Numbers below it are shown with two decimals more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One figure as the page shows it; texts are empty where there are not enough sessions."""

    title: str
    unit: str
    with_memories: str
    held_out: str
    difference: str
    interval: str
    finding: str
    tone: str
    """Of the finding's badge: ok and danger say that it is better or worse, accent only that it differs."""


@require_safe
@operator_page()
def effect(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """Sessions with memories against held-out ones, over the days that are asked for."""
    agent = agent_or_404(request, agent_id)
    problems: Sequence[str] = ()
    try:
        since, until = period_of(request.GET.get("since", ""), request.GET.get("until", ""))
    except InvalidRequest as refused:
        problems = [error.message for error in refused.field_errors]
        since, until = period_of("", "")
    report = effect_of(agent, since, until)
    context = agent_context(request, agent, "effect") | {
        "report": report,
        "lines": [_line(result) for result in report.results],
        "left_out": [
            (report.left_out[reason], words) for reason, words in REASONS.items() if reason in report.left_out
        ],
        "is_empty": not (report.with_memories and report.held_out),
        "periods": [_period(days, report) for days in PERIODS_DAYS],
        "problems": problems,
    }
    return page(request, "context/effect.html", context, partial="panel", status=422 if problems else 200)


def _period(days: int, report: Effect) -> tuple[int, date, date, bool]:
    """A period to choose: days, first, last, whether it is the one that is shown."""
    since, until = latest(days)
    return days, since, until, (since, until) == (report.since, report.until)


def _line(result: Result) -> Line:
    found, (title, unit) = result.difference, TITLES[result.figure.name]
    tone = {None: "accent", True: "ok", False: "danger"}[result.is_better]
    said = {
        "with_memories": _number(found.with_memories) if found else "",
        "held_out": _number(found.held_out) if found else "",
        "difference": _number(found.value, signed=True) if found else "",
        "interval": f"{_number(found.low, signed=True)} to {_number(found.high, signed=True)}" if found else "",
    }
    differs = result.finding in {Finding.POSSIBLE, Finding.CLEAR}
    return Line(title=title, unit=unit, finding=FINDINGS[result.finding], tone=tone if differs else "faint", **said)


def _number(value: float, *, signed: bool = False) -> str:
    """With as many digits as matter, and a real minus sign."""
    digits = 4 if abs(value) < 1 / SMALL else 2 if abs(value) < SMALL else 1 if abs(value) < SMALL**2 else 0
    text = f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")
