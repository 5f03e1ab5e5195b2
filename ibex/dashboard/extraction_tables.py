"""The list of sessions that could not be mined."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ibex.core.listing import ACTIONS, FIRM, HEAD, MAIN, NUMBER, WIDE, ListTable
from ibex.core.templatetags.ibex_ui import EN_DASH, badge, timestamp
from memories.models import Extraction


class ExtractionTable(ListTable):
    """Failed extractions; `may_retry` shows the button that sends a dead letter back."""

    session = tables.Column(attrs=MAIN, orderable=False)
    agent = tables.Column(attrs=HEAD, order_by=("agent__name", "-failed_at", "-pk"))
    error = tables.Column(attrs=WIDE, order_by=("error", "-failed_at", "-pk"))
    failures = tables.Column(attrs=NUMBER, order_by=("failures", "-failed_at", "-pk"))
    failed_at = tables.Column(verbose_name="Failed", attrs=HEAD, order_by=("failed_at", "pk"))
    next_try_at = tables.Column(verbose_name="Next try", attrs=FIRM, order_by=("next_try_at", "pk"), empty_values=())
    actions = tables.Column(verbose_name="", empty_values=(), orderable=False, attrs=ACTIONS)

    class Meta(ListTable.Meta):
        order_by = "-failed_at"

    def __init__(self, *args: Any, may_retry: bool, **options: Any) -> None:
        super().__init__(*args, exclude=() if may_retry else ("actions",), **options)

    def render_session(self, record: Extraction) -> SafeString:
        url = reverse("dashboard:session", args=[record.session_id])
        return format_html('<a class="row-link mono" href="{}">{}</a>', url, record.session)

    def render_agent(self, record: Extraction) -> str:
        return record.agent.name

    def render_error(self, record: Extraction) -> SafeString:
        state = badge("failed", label="Given up") if record.given_up_at else badge("queued", label="To be tried again")
        return format_html('<span>{} <span class="small muted">{}</span></span>', state, record.error)

    def render_failed_at(self, value: Any) -> SafeString:
        return timestamp(value)

    def render_next_try_at(self, value: Any) -> SafeString:
        return timestamp(value, missing=EN_DASH)

    def render_actions(self, record: Extraction) -> str:
        return render_to_string("jobs/replay.html", {"one": record}, self.request) if record.given_up_at else ""
