"""Receipts in the Django admin, to be read."""

from __future__ import annotations

from django.contrib import admin

from context.models import Injection
from ibex.core.admin import ReadOnlyAdmin


@admin.register(Injection)
class InjectionAdmin(ReadOnlyAdmin):
    list_display = ["turn_id", "memory", "rank", "score", "arm", "tokens", "is_packed", "reason"]
    list_filter = ["is_packed", "arm"]
    list_select_related = ["memory"]
    ordering = ["-created_at"]
