"""Memories in the Django admin, to be read: `memories.store` is their only writer."""

from __future__ import annotations

from django.contrib import admin

from ibex.core.admin import ReadOnlyAdmin
from memories.models import Excerpt, Extraction, ImportItem, ImportRun, Memory, MemoryVersion, RecallCheck, Relationship


@admin.register(Memory)
class MemoryAdmin(ReadOnlyAdmin):
    list_display = ["content", "agent", "category", "status", "confidence", "end_user", "observed_at"]
    list_filter = ["category", "status", "source", "is_pinned"]
    list_select_related = ["agent"]
    search_fields = ["content", "end_user"]
    ordering = ["-created_at"]


@admin.register(MemoryVersion)
class MemoryVersionAdmin(ReadOnlyAdmin):
    list_display = ["memory", "number", "operation", "actor", "created_at"]
    list_filter = ["operation"]
    fields = ["memory", "number", "operation", "actor", "reason", "snapshot", "created_at"]
    list_select_related = ["memory"]
    readonly_fields = fields
    ordering = ["-created_at"]


@admin.register(Relationship)
class RelationshipAdmin(ReadOnlyAdmin):
    list_display = ["source", "kind", "target", "confidence", "created_at"]
    list_filter = ["kind"]
    list_select_related = ["source", "target"]
    ordering = ["-created_at"]


@admin.register(Excerpt)
class ExcerptAdmin(ReadOnlyAdmin):
    list_display = ["content", "agent", "session", "turn", "role", "said_at"]
    list_filter = ["role"]
    list_select_related = ["agent", "session"]
    ordering = ["-said_at"]


@admin.register(RecallCheck)
class RecallCheckAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "agent", "kind", "rows", "recall", "fewest", "approximate_ms", "exact_ms"]
    list_filter = ["kind"]
    list_select_related = ["agent"]
    ordering = ["-created_at"]


@admin.register(Extraction)
class ExtractionAdmin(ReadOnlyAdmin):
    list_display = ["session", "agent", "failures", "error", "failed_at", "next_try_at", "given_up_at"]
    list_select_related = ["agent", "session"]
    ordering = ["-created_at"]


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "agent", "kind", "format", "status", "is_dry_run", "done", "total", "actor"]
    list_filter = ["status", "kind", "is_dry_run"]
    list_select_related = ["agent"]
    ordering = ["-created_at"]


@admin.register(ImportItem)
class ImportItemAdmin(ReadOnlyAdmin):
    list_display = ["run", "line", "result", "field", "reason"]
    list_filter = ["result"]
    list_select_related = ["run"]
    ordering = ["-created_at"]
