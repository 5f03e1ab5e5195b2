"""The lists of imports, and of what came of one's records."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ibex.core.listing import FIRM, HEAD, MAIN, NUMBER, WIDE, ListTable
from ibex.core.templatetags.ibex_ui import EN_DASH, badge, timestamp
from memories.models.imports import ImportItem, ImportResult, ImportRun, ImportStatus

STATUS_TONES = {
    ImportStatus.CANCELLED: "faint",
    ImportStatus.UNDOING: "accent",
    ImportStatus.UNDONE: "faint",
}
RESULT_TONES = {
    ImportResult.CREATED: "ok",
    ImportResult.DUPLICATE_OF: "faint",
    ImportResult.MERGED_INTO: "accent",
    ImportResult.QUARANTINED: "danger",
    ImportResult.PENDING_REVIEW: "warn",
    ImportResult.REJECTED: "danger",
}


def status_badge(run: ImportRun) -> SafeString:
    """Where an import stands."""
    return badge(run.status, label=run.get_status_display(), tone=STATUS_TONES.get(ImportStatus(run.status), ""))


class ImportTable(ListTable):
    """Imports."""

    file_name = tables.Column(verbose_name="File", attrs=MAIN, order_by=("file_name", "-created_at"), empty_values=())
    kind = tables.Column(attrs=HEAD)
    agent = tables.Column(attrs=HEAD, order_by=("agent__name", "-created_at"))
    status = tables.Column(attrs=HEAD)
    done = tables.Column(verbose_name="Records", attrs=NUMBER)
    created_at = tables.Column(verbose_name="Brought", attrs=HEAD)

    class Meta(ListTable.Meta):
        order_by = "-created_at"

    def render_file_name(self, record: ImportRun) -> SafeString:
        url = reverse("memories:import", args=[record.pk])
        about = record.get_format_display() + (" · dry run" if record.is_dry_run else "")
        link = '<a class="row-link" href="{}">{}</a><div class="faint small">{}</div>'
        return format_html(link, url, record.file_name or "Without a name", about)

    def render_status(self, record: ImportRun) -> SafeString:
        return status_badge(record)

    def render_done(self, record: ImportRun) -> str:
        is_over = record.done == record.total or (record.total is None and record.finished_at is not None)
        return f"{record.done:,}" if is_over else f"{record.done:,} of {_total(record)}"

    def render_created_at(self, value: Any) -> SafeString:
        return timestamp(value)


class ImportItemTable(ListTable):
    """What came of each record of a file."""

    line = tables.Column(attrs=NUMBER)
    result = tables.Column(attrs=FIRM, orderable=False)
    reason = tables.Column(verbose_name="Why", attrs=WIDE, orderable=False, empty_values=())
    memory_id = tables.Column(verbose_name="Leads to", attrs=FIRM, orderable=False, empty_values=())
    undone = tables.Column(verbose_name="Undoing", attrs=WIDE, orderable=False, empty_values=())

    class Meta(ListTable.Meta):
        order_by = "line"

    def __init__(self, *args: Any, is_undone: bool, **options: Any) -> None:
        super().__init__(*args, exclude=(*options.pop("exclude", ()), *(() if is_undone else ("undone",))), **options)

    def render_result(self, record: ImportItem) -> SafeString:
        result = ImportResult(record.result)
        return badge(record.result, label=str(result.label), tone=RESULT_TONES[result])

    def render_reason(self, record: ImportItem) -> str:
        turns = f"{record.turns} turn{'' if record.turns == 1 else 's'}" if record.turns else ""
        said = f"{record.field}: {record.reason}" if record.field else record.reason
        return ", ".join(part for part in (turns, said) if part) or EN_DASH

    def render_memory_id(self, record: ImportItem) -> SafeString | str:
        if record.memory_id:
            return format_html('<a href="{}">Memory</a>', reverse("memories:detail", args=[record.memory_id]))
        if record.session_id:
            return format_html('<a href="{}">Session</a>', reverse("dashboard:session", args=[record.session_id]))
        return EN_DASH

    def render_undone(self, value: str) -> str:
        return value or EN_DASH


def _total(run: ImportRun) -> str:
    return f"{run.total:,}" if run.total is not None else "…"
