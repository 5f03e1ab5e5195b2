"""Agents' lists."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.archives.states import archived
from agents.choices import ArchiveState
from agents.models import Agent, Session, Token
from agents.selectors import archive_of
from ibex.core.listing import ACTIONS, FIRM, HEAD, MAIN, NUMBER, WIDE, ListTable
from ibex.core.templatetags.ibex_ui import EN_DASH, badge, timestamp

Sorted = tuple[QuerySet[Any], bool]


def faint(word: str) -> SafeString:
    """What stands where there is nothing to show."""
    return format_html('<span class="faint">{}</span>', word)


def cut(text: str) -> SafeString:
    """A text that somebody chose the length of, on one line; the whole of it as a tooltip."""
    return format_html('<span class="cell-cut" title="{}">{}</span>', text, text)


def empty_last(rows: QuerySet[Any], field: str, *, descending: bool) -> Sorted:
    """Sorted by a column that may be empty: rows without a value come last either way."""
    column = F(field).desc(nulls_last=True) if descending else F(field).asc(nulls_last=True)
    return rows.order_by(column, "pk"), True


class AgentTable(ListTable):
    """Agents; rows carry `last_turn_at` and `session_count`."""

    name = tables.Column(verbose_name="Agent", attrs=MAIN, order_by=("name", "pk"))
    status = tables.Column(attrs=HEAD, order_by=("status", "name", "pk"))
    directive = tables.Column(verbose_name="Directive", accessor="directive__version", attrs=HEAD, empty_values=())
    session_count = tables.Column(verbose_name="Sessions", attrs=NUMBER, order_by=("session_count", "pk"))
    last_turn_at = tables.Column(verbose_name="Last turn", attrs=HEAD, empty_values=())
    updated_at = tables.Column(verbose_name="Changed", attrs=HEAD, order_by=("updated_at", "pk"))

    class Meta(ListTable.Meta):
        order_by = "name"

    def render_name(self, record: Agent) -> SafeString:
        url = reverse("agents:detail", args=[record.pk])
        return format_html(
            '<a class="row-link" href="{}">{}</a><div class="faint mono">{}</div>', url, record.name, record.slug
        )

    def render_status(self, record: Agent) -> SafeString:
        return badge(record.status)

    def render_directive(self, value: int | None) -> SafeString:
        return format_html("v{}", value) if value else faint("None")

    def render_last_turn_at(self, value: Any) -> SafeString:
        return timestamp(value, missing="Never")

    def render_updated_at(self, value: Any) -> SafeString:
        return timestamp(value)

    def order_directive(self, rows: QuerySet[Agent], is_descending: bool) -> Sorted:
        return empty_last(rows, "directive__version", descending=is_descending)

    def order_last_turn_at(self, rows: QuerySet[Agent], is_descending: bool) -> Sorted:
        return empty_last(rows, "last_turn_at", descending=is_descending)


class TokenTable(ListTable):
    """Tokens; `may_revoke` shows the button."""

    name = tables.Column(verbose_name="Token", attrs=MAIN, order_by=("name", "pk"))
    state = tables.Column(empty_values=(), orderable=False)
    agent = tables.Column(verbose_name="Agent", accessor="agent__name", attrs=FIRM, empty_values=())
    scopes = tables.Column(orderable=False, attrs=FIRM)
    last_used_at = tables.Column(verbose_name="Last used", attrs=HEAD, empty_values=())
    expires_at = tables.Column(verbose_name="Expires", attrs=HEAD, empty_values=())
    created_at = tables.Column(verbose_name="Made", attrs=HEAD, order_by=("created_at", "pk"))
    actions = tables.Column(verbose_name="", empty_values=(), orderable=False, attrs=ACTIONS)

    class Meta(ListTable.Meta):
        order_by = "-created_at"

    def __init__(self, *args: Any, may_revoke: bool, exclude: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*args, exclude=exclude if may_revoke else (*exclude, "actions"), **options)

    def render_name(self, record: Token) -> SafeString:
        return format_html('<span>{}</span><div class="faint mono">{}…</div>', record.name, record.prefix)

    def render_state(self, record: Token) -> SafeString:
        return badge("revoked" if record.revoked_at else "active" if record.is_usable() else "expired")

    def render_agent(self, record: Token) -> SafeString:
        if record.agent is None:
            return faint("Any")
        return format_html(
            '<a href="{}">{}</a>', reverse("agents:detail", args=[record.agent_id]), cut(record.agent.name)
        )

    def render_scopes(self, record: Token) -> SafeString:
        return format_html('<span title="{}">{}</span>', ", ".join(record.scopes), _in_short(record.scopes))

    def render_last_used_at(self, value: Any) -> SafeString:
        return timestamp(value, missing="Never")

    def render_expires_at(self, value: Any) -> SafeString:
        return timestamp(value, style="date", missing="Never")

    def render_created_at(self, value: Any) -> SafeString:
        return timestamp(value)

    def render_actions(self, record: Token) -> str:
        return "" if record.revoked_at else render_to_string("agents/revoke.html", {"token": record}, self.request)

    def order_agent(self, rows: QuerySet[Token], is_descending: bool) -> Sorted:
        return empty_last(rows, "agent__name", descending=is_descending)

    def order_last_used_at(self, rows: QuerySet[Token], is_descending: bool) -> Sorted:
        return empty_last(rows, "last_used_at", descending=is_descending)

    def order_expires_at(self, rows: QuerySet[Token], is_descending: bool) -> Sorted:
        return empty_last(rows, "expires_at", descending=is_descending)


class SessionTable(ListTable):
    """Conversations."""

    name = tables.Column(verbose_name="Session", accessor="pk", attrs=MAIN, orderable=False)
    agent = tables.Column(verbose_name="Agent", accessor="agent__name", attrs=FIRM, order_by=("agent__name", "pk"))
    end_user = tables.Column(verbose_name="End user", attrs=WIDE, order_by=("end_user", "pk"), default=faint(EN_DASH))
    status = tables.Column(attrs=HEAD, order_by=("status", "pk"))
    archive = tables.Column(attrs=HEAD, empty_values=(), orderable=False)
    turn_count = tables.Column(verbose_name="Turns", attrs=NUMBER, order_by=("turn_count", "pk"))
    tokens = tables.Column(attrs=NUMBER, empty_values=())
    last_turn_at = tables.Column(verbose_name="Last turn", attrs=HEAD, order_by=("last_turn_at", "pk"))

    class Meta(ListTable.Meta):
        order_by = "-last_turn_at"

    def render_name(self, record: Session) -> SafeString:
        url = reverse("dashboard:session", args=[record.pk])
        return format_html('<a class="row-link" href="{}">{}</a>', url, record)

    def render_agent(self, value: str) -> SafeString:
        return cut(value)

    def render_end_user(self, value: str) -> SafeString:
        return cut(value)

    def render_status(self, record: Session) -> SafeString:
        return badge(record.status)

    def render_archive(self, record: Session) -> SafeString:
        told = archived(record, archive_of(record))
        if told.state == ArchiveState.NONE:
            return faint(EN_DASH)
        return format_html('<span title="{}">{}</span>', told.why, badge(told.state, label=told.state.label))

    def render_turn_count(self, value: int) -> str:
        return f"{value:,}"

    def render_tokens(self, record: Session) -> str:
        return f"{record.prompt_tokens + record.completion_tokens:,}"

    def render_last_turn_at(self, value: Any) -> SafeString:
        return timestamp(value)

    def order_tokens(self, rows: QuerySet[Session], is_descending: bool) -> Sorted:
        total = F("prompt_tokens") + F("completion_tokens")
        return rows.order_by(total.desc() if is_descending else total.asc(), "pk"), True


def _in_short(scopes: list[str]) -> str:
    """The first scope, and how many more there are."""
    first, *others = scopes or [""]
    return f"{first} +{len(others)}" if others else first
