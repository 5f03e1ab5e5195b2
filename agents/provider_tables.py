"""The list of providers."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.choices import ProviderKind
from agents.models import ProviderConnection
from agents.tables import cut, faint
from ibex.core.listing import ACTIONS, FIRM, HEAD, MAIN, NUMBER, ListTable
from ibex.core.templatetags.ibex_ui import badge

OWN_ADDRESS = {ProviderKind.ANTHROPIC: "Anthropic's own address", ProviderKind.SANDBOX: "Built in"}


class ProviderTable(ListTable):
    """Providers; never their keys. `may_write` shows the buttons and opens the form."""

    name = tables.Column(verbose_name="Provider", attrs=MAIN, order_by=("name", "pk"))
    kind = tables.Column(attrs=FIRM, order_by=("kind", "priority", "created_at"))
    model_patterns = tables.Column(verbose_name="Models", attrs=HEAD, orderable=False)
    priority = tables.Column(attrs=NUMBER, order_by=("priority", "created_at", "pk"))
    key = tables.Column(empty_values=(), accessor="pk", orderable=False, attrs=FIRM)
    is_active = tables.Column(verbose_name="State", attrs=HEAD, order_by=("is_active", "priority", "created_at"))
    actions = tables.Column(verbose_name="", empty_values=(), orderable=False, attrs=ACTIONS)

    class Meta(ListTable.Meta):
        order_by = "priority"

    def __init__(self, *args: Any, may_write: bool, **options: Any) -> None:
        super().__init__(*args, exclude=() if may_write else ("actions",), **options)
        self.may_write = may_write

    def render_name(self, record: ProviderConnection) -> SafeString:
        address = record.base_url or OWN_ADDRESS.get(ProviderKind(record.kind), "")
        url = reverse("agents:edit_provider", args=[record.pk])
        named = (
            format_html(
                '<a class="row-link" href="{}" hx-get="{}" hx-target="#drawer-content">{}</a>', url, url, record.name
            )
            if self.may_write
            else record.name
        )
        return format_html('{}<div class="faint mono truncate" title="{}">{}</div>', named, address, address)

    def render_kind(self, record: ProviderConnection) -> str:
        return ProviderKind(record.kind).label

    def render_model_patterns(self, value: list[str]) -> SafeString:
        return faint("Every model") if "*" in value else cut(", ".join(value))

    def render_key(self, record: ProviderConnection) -> SafeString:
        if record.kind == ProviderKind.SANDBOX:
            return faint("Not needed")
        return badge("Set", tone="ok") if record.sealed_key else faint("None")

    def render_is_active(self, record: ProviderConnection) -> SafeString:
        return badge("active") if record.is_active else badge("paused", label="Off")

    def render_actions(self, record: ProviderConnection) -> str:
        return render_to_string("agents/provider_actions.html", {"provider": record}, self.request)
