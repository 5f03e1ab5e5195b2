"""The runs of a job."""

from __future__ import annotations

import re
from typing import Any

import django_tables2 as tables
from django.utils.safestring import SafeString

from agents.tables import faint
from ibex.core.listing import FIRM, HEAD, MAIN, NUMBER, ListTable
from ibex.core.models import JobRun
from ibex.core.templatetags.ibex_ui import EN_DASH, badge, timestamp
from ibex.dashboard.jobs import Run


class JobRunTable(ListTable):
    """Runs; `shows_counts`: to operators of the installation only."""

    started_at = tables.Column(verbose_name="Started", attrs=MAIN, order_by=("started_at", "pk"))
    outcome = tables.Column(attrs=HEAD, orderable=False)
    seconds = tables.Column(verbose_name="Took", attrs=NUMBER, empty_values=(), accessor="pk", orderable=False)
    counts = tables.Column(verbose_name="Did", attrs=FIRM, empty_values=(), orderable=False)
    error = tables.Column(attrs=FIRM, empty_values=(), orderable=False)

    class Meta(ListTable.Meta):
        order_by = "-started_at"

    def __init__(self, *args: Any, shows_counts: bool, **options: Any) -> None:
        super().__init__(*args, exclude=() if shows_counts else ("counts",), **options)

    def render_started_at(self, value: Any) -> SafeString:
        return timestamp(value)

    def render_outcome(self, record: JobRun) -> SafeString:
        return badge(Run.of(record).outcome)

    def render_seconds(self, record: JobRun) -> str:
        return f"{Run.of(record).seconds:.1f} s"

    def render_counts(self, record: JobRun) -> str | SafeString:
        return in_words(record.counts) or faint("Nothing to do")

    def render_error(self, value: str) -> str | SafeString:
        return value or faint(EN_DASH)


_ONE_OF = ((r"ies$", "y"), (r"(ch|x|ss)es$", r"\1"), (r"s$", ""))
"""How a plural becomes singular, the first that fits."""


def in_words(counts: dict[str, int]) -> str:
    """`3 sessions completed, 1 session abandoned`: what is counted comes first in its name, in the plural."""
    return ", ".join(f"{count:,} {_named(name, count)}" for name, count in counts.items())


def _named(name: str, count: int) -> str:
    things, *rest = name.split("_")
    if count == 1:
        ending, one = next(rule for rule in (*_ONE_OF, ("$", "")) if re.search(rule[0], things))
        things = re.sub(ending, one, things)
    return " ".join([things, *rest])
