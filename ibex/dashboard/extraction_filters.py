"""How sessions that could not be mined are filtered, on their page and in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet

from memories.models import Extraction

GIVEN_UP, TRIED = "given_up", "tried"
STATES = ((GIVEN_UP, "Given up"), (TRIED, "To be tried again"))


class ExtractionFilter(django_filters.FilterSet):
    """Of one agent, of one kind of failure, or that stand somewhere."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")
    error = django_filters.CharFilter(label="The type or code of the failure")
    state = django_filters.ChoiceFilter(choices=STATES, method="filter_state", label="Given up, or still tried")

    class Meta:
        model = Extraction
        fields: list[str] = []

    def filter_state(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Dead letters, or those that are tried again by themselves."""
        return rows.filter(given_up_at__isnull=value != GIVEN_UP)
