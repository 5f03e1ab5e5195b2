"""What the approximate search of large agents misses, as it was measured."""

from __future__ import annotations

import django_filters
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from agents.access import PlacedRequest, operator_page
from agents.selectors import agent_choices
from ibex.core.htmx import page
from ibex.core.listing import kept, listed
from memories.models import RecallCheck
from memories.tables import RecallTable


class RecallFilter(django_filters.FilterSet):
    """Measurements of one agent."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")

    class Meta:
        model = RecallCheck
        fields: list[str] = []


@require_safe
@operator_page()
def recall(request: PlacedRequest) -> HttpResponse:
    """Measurements, the newest first."""
    org_id = request.place.organization.pk
    filters = RecallFilter(request.GET, queryset=RecallCheck.objects.of(org_id).select_related("agent"))
    table = RecallTable(kept(filters))
    context = {
        "agents": agent_choices(org_id),
        "table": table,
        "pages": listed(table, request),
    }
    return page(request, "memories/recall.html", context, partial="results")
