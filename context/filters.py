"""The FilterSet of feedback."""

from __future__ import annotations

import django_filters

from context.models import Feedback
from ibex.core.filters import MomentFilter


class FeedbackFilter(django_filters.FilterSet):
    """Verdicts by what they are on, what they say, and when."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")
    session_id = django_filters.UUIDFilter(field_name="session_id")
    memory_id = django_filters.UUIDFilter(field_name="memory_id")
    request_id = django_filters.UUIDFilter(field_name="request_id")
    useful = django_filters.BooleanFilter(field_name="useful")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Feedback
        fields: list[str] = []
