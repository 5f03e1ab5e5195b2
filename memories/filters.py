"""The one FilterSet of memories, used by their page and by the REST API; and that of their uses."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from ibex.core.filters import MomentFilter
from memories.choices import Category, Source, Status
from memories.models import Memory


class UseFilter(django_filters.FilterSet):
    """The prompts of a memory; those of before receipts were kept in one piece by whether it was put in."""

    is_packed = django_filters.BooleanFilter(field_name="is_packed")


class MemoryFilter(django_filters.FilterSet):
    """Memories by what they are, whose they are, when they were made, and words that they hold."""

    agent_id = django_filters.UUIDFilter(field_name="agent_id")
    category = django_filters.ChoiceFilter(choices=Category.choices)
    status = django_filters.ChoiceFilter(choices=Status.choices)
    source = django_filters.ChoiceFilter(choices=Source.choices)
    tag = django_filters.CharFilter(method="with_tag", label="Tag", max_length=64)
    label = django_filters.CharFilter(method="with_label", label="Label", max_length=64)
    end_user = django_filters.CharFilter(field_name="end_user", label="End user")
    is_pinned = django_filters.BooleanFilter(field_name="is_pinned", label="Standing instruction")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", label="Made since")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt", label="Made before")
    search = django_filters.CharFilter(method="find", label="Words", max_length=200)

    class Meta:
        model = Memory
        fields: list[str] = []

    def with_tag(self, rows: QuerySet[Memory], name: str, tag: str) -> QuerySet[Memory]:
        return rows.filter(tags__contains=[tag])

    def with_label(self, rows: QuerySet[Memory], name: str, label: str) -> QuerySet[Memory]:
        return rows.filter(labels__contains=[{"name": label}])

    def find(self, rows: QuerySet[Memory], name: str, words: str) -> QuerySet[Memory]:
        """Each of the words, anywhere in the text; the semantic search is another address."""
        for word in words.split()[:8]:
            rows = rows.filter(content__icontains=word)
        return rows
