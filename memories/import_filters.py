"""How imports, and the records of one, are filtered, on their pages and in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet

from memories.models.imports import ImportKind, ImportResult, ImportRun, ImportStatus

LEFT = "left"
"""How `undone` begins of what an undoing has left (`memories.transfer.take_back`)."""


class ImportFilter(django_filters.FilterSet):
    """Imports of one agent, of a kind, or that stand somewhere."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")
    kind = django_filters.ChoiceFilter(choices=ImportKind.choices)
    status = django_filters.ChoiceFilter(choices=ImportStatus.choices)

    class Meta:
        model = ImportRun
        fields: list[str] = []


class ImportItemFilter(django_filters.FilterSet):
    """It names no model: the resource whose action uses it is that of imports."""

    result = django_filters.ChoiceFilter(choices=ImportResult.choices)
    left = django_filters.BooleanFilter(method="filter_left", label="Left by the undoing")

    def filter_left(self, rows: QuerySet[Any], _name: str, value: bool) -> QuerySet[Any]:
        """Those that undoing the import has left as they were, or the others."""
        return rows.filter(undone__startswith=LEFT) if value else rows.exclude(undone__startswith=LEFT)
