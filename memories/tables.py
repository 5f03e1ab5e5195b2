"""The list of memories."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

from ibex.core.listing import HEAD, MAIN, NUMBER, ListTable
from ibex.core.templatetags.ibex_ui import EN_DASH, badge, confidence, timestamp
from memories.models import Memory
from memories.retrieval.recall import ENOUGH

SHOWN_CHARACTERS = 240
"""Of a text, in its row: more than one line holds at any width."""
SHOWN_TAGS = 3
LETTERS_ALONE = '<span class="faint" title="Only its letters match">{}</span>'
SELECT: dict[str, Any] = {"th": {"class": "cell-select"}, "td": {"class": "cell-select"}}


class MemoryTable(ListTable):
    """Memories; rows carry `worth`, and in a search `relevance`. `may_choose` shows the boxes that tick rows."""

    chosen = tables.Column(
        verbose_name=mark_safe('<input type="checkbox" data-select-all aria-label="Select every row">'),
        accessor="pk",
        orderable=False,
        attrs=SELECT,
    )
    content = tables.Column(verbose_name="Memory", attrs=MAIN, orderable=False)
    category = tables.Column(attrs=HEAD, order_by=("category", "-created_at", "-pk"))
    status = tables.Column(attrs=HEAD, order_by=("status", "-created_at", "-pk"))
    confidence = tables.Column(attrs=HEAD, order_by=("confidence", "-created_at", "-pk"))
    relevance = tables.Column(verbose_name="Match", attrs=NUMBER, orderable=False, empty_values=())
    worth = tables.Column(verbose_name="Score", attrs=NUMBER, order_by=("worth", "-pk"))
    injection_count = tables.Column(verbose_name="Injected", attrs=NUMBER, order_by=("injection_count", "-pk"))
    created_at = tables.Column(verbose_name="Learned", attrs=HEAD, order_by=("created_at", "pk"))

    class Meta(ListTable.Meta):
        order_by = "-created_at"
        template_name = "memories/table.html"

    def __init__(self, *args: Any, may_choose: bool, is_search: bool, **options: Any) -> None:
        hidden = [name for name, shown in (("chosen", may_choose), ("relevance", is_search)) if not shown]
        if is_search:
            hidden.append("worth")
            options |= {"orderable": False, "order_by": ()}
        super().__init__(*args, exclude=(*hidden, *options.pop("exclude", ())), **options)

    def render_chosen(self, record: Memory) -> SafeString:
        label = Truncator(record.content).chars(60)
        return format_html(
            '<input type="checkbox" name="id" value="{}" data-select aria-label="Select: {}">', record.pk, label
        )

    def render_content(self, record: Memory) -> SafeString:
        url = reverse("memories:detail", args=[record.pk])
        text = Truncator(record.content).chars(SHOWN_CHARACTERS)
        link = '<a class="row-link" href="{}" hx-get="{}" hx-target="#drawer-content">{}</a>'
        return format_html(link + '<div class="faint small">{}</div>', url, url, text, _about(record))

    def render_category(self, record: Memory) -> SafeString:
        return badge(record.category)

    def render_status(self, record: Memory) -> SafeString:
        return badge(record.status)

    def render_confidence(self, value: float) -> SafeString:
        return confidence(value)

    def render_relevance(self, value: float | None) -> SafeString | str:
        return f"{value:.2f}" if value is not None else format_html(LETTERS_ALONE, EN_DASH)

    def render_worth(self, value: float) -> str:
        return f"{value:.2f}"

    def render_created_at(self, value: Any) -> SafeString:
        return timestamp(value)


class RecallTable(ListTable):
    """Measurements of approximate search."""

    agent = tables.Column(attrs=MAIN, order_by=("agent__name", "-created_at"))
    kind = tables.Column(verbose_name="What", attrs=HEAD)
    rows = tables.Column(verbose_name="Rows", attrs=NUMBER)
    recall = tables.Column(verbose_name="Recall@20", attrs=NUMBER)
    fewest = tables.Column(verbose_name="Fewest found", attrs=NUMBER)
    approximate_ms = tables.Column(verbose_name="By index", attrs=NUMBER)
    exact_ms = tables.Column(verbose_name="Exactly", attrs=NUMBER)
    created_at = tables.Column(verbose_name="Measured", attrs=HEAD)

    class Meta(ListTable.Meta):
        order_by = "-created_at"
        template_name = "generic/table.html"

    def render_kind(self, value: str) -> str:
        return {"memory": "Memories", "excerpt": "Excerpts"}[value]

    def render_rows(self, value: int) -> str:
        return f"{value:,}"

    def render_recall(self, value: float) -> SafeString | str:
        return f"{value:.3f}" if value >= ENOUGH else format_html("{} {}", f"{value:.3f}", badge("low", tone="warn"))

    def render_approximate_ms(self, value: float) -> str:
        return f"{value:.1f} ms"

    def render_exact_ms(self, value: float) -> str:
        return f"{value:.1f} ms"

    def render_created_at(self, value: Any) -> SafeString:
        return timestamp(value)


class UseTable(ListTable):
    """Pages of `memories.selectors.uses`; memories/uses_table.html draws the rows."""


def _about(memory: Memory) -> str:
    """Whose memory it is, and what people call it, on one line."""
    words = [memory.agent.name]
    if memory.end_user:
        words.append(memory.end_user)
    if memory.is_pinned:
        words.append("standing instruction")
    words += [f"#{tag}" for tag in memory.tags[:SHOWN_TAGS]]
    if len(memory.tags) > SHOWN_TAGS:
        words.append(f"+{len(memory.tags) - SHOWN_TAGS}")
    return " · ".join(words)
