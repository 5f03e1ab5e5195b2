"""The runs of a job."""

from __future__ import annotations

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


def in_words(counts: dict[str, int]) -> str:
    """`3 sessions completed, 1 session abandoned`, near enough."""
    return ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items())
