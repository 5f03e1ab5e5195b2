"""Charts as SVG: pure functions from numbers to markup, safe to put in a page.

Pictures hold no words and stretch with their box (`preserveAspectRatio="none"`, strokes that do not scale); axes and
legends are HTML around them, so text keeps its size on a phone. Colours come from the classes `tone-…` of charts.css.
Every picture is `role="img"` with a label that says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

PLOT_WIDTH: Final = 600
"""Units across a plot; the page decides how many pixels that is."""
PLOT_HEIGHT: Final = 100
"""Units up a plot."""
GRID_LINES: Final = 4
"""Spaces between the horizontal lines of a plot."""
BAR_GAP: Final = 0.2
"""Share of a bar's place that stays empty."""
SHOWN_X_LABELS: Final = 6
"""Most labels under a plot: more do not fit on a phone."""
NICE_STEPS: Final = (1.0, 2.0, 2.5, 4.0, 5.0, 8.0, 10.0)
SMALLEST = 1e-9
"""What a chart can show; below it, powers of ten lose their precision."""
"""Round tops of a scale, times a power of ten; each divides into four readable steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a chart: its name, its values (None is a gap) and its tone, a `tone-…` class without the prefix."""

    name: str
    values: Sequence[float | None]
    tone: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A dashed line across a chart, at `at` on its value axis (or on the x axis of bars, counted in bars)."""

    name: str
    at: float
    tone: str = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a whole, such as the directive's tokens within a budget."""

    name: str
    value: float
    tone: str = "1"


def sparkline(values: Sequence[float | None], width: int = 120, height: int = 28, label: str = "") -> SafeString:
    """A line without axes; fewer than two values give an even line at the bottom."""
    known = [float(value or 0) for value in values] or [0.0]
    points = _points(known if len(known) > 1 else known * 2, width=width, height=height, top=max(known), pad=2)
    line = " ".join(points)
    return format_html(
        '<svg class="spark" viewBox="0 0 {w} {h}" height="{h}" preserveAspectRatio="none" role="img"'
        ' aria-label="{label}"><polygon class="spark__area" points="0,{h} {line} {w},{h}"/>'
        '<polyline class="spark__line" points="{line}"/></svg>',
        w=width,
        h=height,
        label=label or _in_words(known),
        line=line,
    )


def lines(
    series: Sequence[Series], labels: Sequence[str], label: str, unit: str = "", marks: Sequence[Mark] = ()
) -> SafeString:
    """Values over time, one line a series; the first is filled. `labels` name the points from left to right."""
    known = [value for one in series for value in one.values if value is not None]
    top = nice_top(max([*known, *(mark.at for mark in marks), 0]))
    drawn = _joined(_line(one, top=top, filled=index == 0) for index, one in enumerate(series))
    rules = _joined(_rule(mark, y=_y(mark.at, top)) for mark in marks)
    legend = [(one.name, one.tone) for one in series] + [(mark.name, mark.tone) for mark in marks]
    return _figure(_plot(drawn + rules, label), top=top, unit=unit, labels=labels, legend=legend, spread=True)


def bars(
    values: Sequence[float],
    labels: Sequence[str],
    label: str,
    *,
    unit: str = "",
    marks: Sequence[Mark] = (),
    tone: str = "1",
) -> SafeString:
    """One bar a value, with `labels` under them; a mark is an upright line: 3.5 is the middle of the fourth bar."""
    top = nice_top(max([*values, 0]))
    place = PLOT_WIDTH / max(len(values), 1)
    drawn = format_html_join(
        "", "{}", ((_bar(i, value, labels=labels, place=place, top=top, unit=unit),) for i, value in enumerate(values))
    )
    rules = _joined(_upright(mark, x=mark.at * place) for mark in marks)
    body = format_html('<g class="tone-{}">{}</g>{}', tone, drawn, rules)
    legend = [(mark.name, mark.tone) for mark in marks]
    return _figure(_plot(body, label), top=top, unit=unit, labels=labels, legend=legend, spread=False)


def share(parts: Sequence[Part], label: str, total: float | None = None, unit: str = "") -> SafeString:
    """A whole and its parts as one bar with a legend; a `total` above the parts' sum leaves room empty."""
    whole = max(total or 0, sum(part.value for part in parts)) or 1
    left, pieces = 0.0, []
    for part in parts:
        width = part.value / whole * PLOT_WIDTH
        pieces.append((part.tone, _n(left), _n(width), part.name, _amount(part.value, unit)))
        left += width
    drawn = format_html_join(
        "",
        '<rect class="tone-{}" fill="currentColor" x="{}" width="{}" height="10"><title>{}: {}</title></rect>',
        pieces,
    )
    legend = [(f"{part.name} {_amount(part.value, unit)}", part.tone) for part in parts]
    return format_html(
        '<figure class="chart"><svg class="share" viewBox="0 0 {} 10" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect class="tone-quiet" fill="currentColor" opacity="0.5" width="{}" height="10"/>{}</svg>'
        "{}</figure>",
        PLOT_WIDTH,
        label,
        PLOT_WIDTH,
        drawn,
        _legend(legend),
    )


def nice_top(peak: float) -> float:
    """The smallest round number at or above `peak` (1, 2, 2.5, 4, 5, 8 times a power of ten); 1 for nothing."""
    if peak < SMALLEST:
        return 1.0
    power = 1.0
    while power * 10 <= peak:
        power *= 10
    while power > peak:
        power /= 10
    return next(step * power for step in NICE_STEPS if step * power >= peak)


def _points(values: Sequence[float], *, width: float, height: float, top: float, pad: float = 0) -> list[str]:
    step = width / (len(values) - 1)
    room = height - 2 * pad
    return [f"{_n(i * step)},{_n(pad + room * (1 - value / (top or 1)))}" for i, value in enumerate(values)]


def _line(series: Series, *, top: float, filled: bool) -> SafeString:
    """One series as one polyline a run, so a gap in the values is a gap in the line."""
    step = PLOT_WIDTH / max(len(series.values) - 1, 1)
    shapes = []
    for run in _runs(series.values):
        dots = " ".join(f"{_n(i * step)},{_n(_y(value, top))}" for i, value in run)
        first, last = _n(run[0][0] * step), _n(run[-1][0] * step)
        if filled:
            shapes.append(format_html('<polygon class="chart__area" points="{},100 {} {},100"/>', first, dots, last))
        shapes.append(
            format_html('<polyline class="chart__line" vector-effect="non-scaling-stroke" points="{}"/>', dots)
        )
    return format_html('<g class="tone-{}">{}</g>', series.tone, _joined(shapes))


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = []
    known = [(i, float(value)) for i, value in enumerate(values) if value is not None]
    for before, point in pairwise([None, *known]):
        if point is None:
            continue
        if before is None or point[0] != before[0] + 1:
            runs.append([])
        runs[-1].append(point)
    return runs


def _bar(index: int, value: float, *, labels: Sequence[str], place: float, top: float, unit: str) -> SafeString:
    y = _y(value, top)
    name = labels[index] if index < len(labels) else str(index + 1)
    return format_html(
        '<rect class="chart__bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
        _n(index * place + place * BAR_GAP / 2),
        _n(y),
        _n(place * (1 - BAR_GAP)),
        _n(PLOT_HEIGHT - y),
        name,
        _amount(value, unit),
    )


def _rule(mark: Mark, *, y: float) -> SafeString:
    return format_html(
        '<line class="chart__mark tone-{}" vector-effect="non-scaling-stroke" x1="0" x2="{}" y1="{}" y2="{}"/>',
        mark.tone,
        PLOT_WIDTH,
        _n(y),
        _n(y),
    )


def _upright(mark: Mark, *, x: float) -> SafeString:
    return format_html(
        '<line class="chart__mark tone-{}" vector-effect="non-scaling-stroke" x1="{}" x2="{}" y1="0" y2="{}"/>',
        mark.tone,
        _n(x),
        _n(x),
        PLOT_HEIGHT,
    )


def _plot(body: SafeString, label: str) -> SafeString:
    grid = format_html_join(
        "",
        '<line class="chart__grid" vector-effect="non-scaling-stroke" x1="0" x2="{}" y1="{}" y2="{}"/>',
        ((PLOT_WIDTH, y, y) for y in (_n(PLOT_HEIGHT * i / GRID_LINES) for i in range(GRID_LINES + 1))),
    )
    return format_html(
        '<svg class="chart__plot" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>',
        PLOT_WIDTH,
        PLOT_HEIGHT,
        label,
        grid,
        body,
    )


def _figure(
    plot: SafeString, *, top: float, unit: str, labels: Sequence[str], legend: list[tuple[str, str]], spread: bool
) -> SafeString:
    """The plot with its scale, its labels and its legend; `spread` sets labels at the ends, else under each bar."""
    steps = [top * i / GRID_LINES for i in range(GRID_LINES, -1, -1)]
    return format_html(
        '<figure class="chart"><div class="chart__frame"><ol class="chart__scale" aria-hidden="true">{}</ol>{}'
        '<ol class="chart__axis{}" aria-hidden="true">{}</ol></div>{}</figure>',
        format_html_join("", "<li>{}</li>", ((_amount(step, unit),) for step in steps)),
        plot,
        "" if spread else " chart__axis--bars",
        format_html_join("", "<li>{}</li>", ((text,) for text in _thinned(labels, spread=spread))),
        _legend(legend),
    )


def _thinned(labels: Sequence[str], *, spread: bool) -> list[str]:
    """At most SHOWN_X_LABELS labels, first and last among them; for bars every place, most of them empty."""
    if len(labels) <= SHOWN_X_LABELS:
        return list(labels)
    if spread:
        step = (len(labels) - 1) / (SHOWN_X_LABELS - 1)
        return [labels[round(i * step)] for i in range(SHOWN_X_LABELS)]
    every = -(-len(labels) // SHOWN_X_LABELS)
    return [text if i % every == 0 else "" for i, text in enumerate(labels)]


def _legend(entries: list[tuple[str, str]]) -> SafeString:
    if not entries:
        return mark_safe("")
    items = format_html_join("", '<li class="tone-{}"><span>{}</span></li>', ((tone, name) for name, tone in entries))
    return format_html('<ul class="chart__legend">{}</ul>', items)


def _joined(pieces: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _in_words(values: Sequence[float]) -> str:
    return f"From {_amount(values[0])} to {_amount(values[-1])}, highest {_amount(max(values))}"


def _amount(value: float, unit: str = "") -> str:
    """A number as a person writes it: 1,234 or 0.25, with its unit."""
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.3g}"
    return f"{text} {unit}".strip()


def _y(value: float, top: float) -> float:
    return PLOT_HEIGHT * (1 - value / top)


def _n(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
