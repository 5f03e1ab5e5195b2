"""One FilterSet a list, used by its page and by the REST API."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet

from agents.archives.states import in_state
from agents.choices import AgentStatus, ArchiveState, ProviderKind, SessionStatus
from agents.models import Agent, ProviderConnection, Session, Token, Trace
from ibex.core.filters import MomentFilter


class AgentFilter(django_filters.FilterSet):
    """Agents by status, slug, or a part of their name, slug or description."""

    status = django_filters.ChoiceFilter(choices=AgentStatus.choices)
    slug = django_filters.CharFilter(field_name="slug")
    search = django_filters.CharFilter(method="find", label="Search", max_length=120)

    class Meta:
        model = Agent
        fields: list[str] = []

    def find(self, rows: QuerySet[Agent], name: str, words: str) -> QuerySet[Agent]:
        return rows.filter(Q(name__icontains=words) | Q(slug__icontains=words) | Q(description__icontains=words))


class TokenFilter(django_filters.FilterSet):
    """Tokens by the agent they are bound to, and whether they still work."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")
    is_revoked = django_filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Token
        fields: list[str] = []


class ProviderFilter(django_filters.FilterSet):
    """Providers by kind, and whether they are asked."""

    kind = django_filters.ChoiceFilter(choices=ProviderKind.choices)
    is_active = django_filters.BooleanFilter(field_name="is_active")

    class Meta:
        model = ProviderConnection
        fields: list[str] = []


class SessionFilter(django_filters.FilterSet):
    """Sessions by agent, status, archive, end user, the application's own id, and when they last spoke."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")
    status = django_filters.ChoiceFilter(choices=SessionStatus.choices)
    archive = django_filters.ChoiceFilter(choices=ArchiveState.choices, method="by_archive", label="Archive")
    end_user = django_filters.CharFilter(field_name="end_user")
    external_id = django_filters.CharFilter(field_name="external_id")
    active_after = MomentFilter(field_name="last_turn_at", lookup_expr="gte")
    active_before = MomentFilter(field_name="last_turn_at", lookup_expr="lt")

    class Meta:
        model = Session
        fields: list[str] = []

    def by_archive(self, rows: QuerySet[Session], name: str, state: str) -> QuerySet[Session]:
        return in_state(rows, state)


class TraceFilter(django_filters.FilterSet):
    """Calls by agent, session, request, how they ended, and when they began."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")
    session_id = django_filters.UUIDFilter(field_name="session_id")
    request_id = django_filters.UUIDFilter(field_name="request_id")
    endpoint = django_filters.CharFilter(field_name="endpoint")
    model = django_filters.CharFilter(field_name="model")
    status = django_filters.NumberFilter(field_name="status", min_value=100, max_value=599)
    level = django_filters.NumberFilter(field_name="level", min_value=0, max_value=3)
    is_fallback = django_filters.BooleanFilter(field_name="is_fallback")
    started_after = MomentFilter(field_name="started_at", lookup_expr="gte")
    started_before = MomentFilter(field_name="started_at", lookup_expr="lt")

    class Meta:
        model = Trace
        fields: list[str] = []
