"""Sessions, their turns and archives, and the traces of calls in the Django admin: to be read, never changed."""

from __future__ import annotations

from django.contrib import admin

from agents.models import Archive, Checkpoint, Session, Trace
from ibex.core.admin import ReadOnlyAdmin


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "agent", "end_user", "status", "turn_count", "last_turn_at"]
    list_filter = ["status"]
    list_select_related = ["agent"]
    search_fields = ["external_id", "end_user"]
    ordering = ["-last_turn_at"]


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ["turn_id", "agent", "session", "number", "model", "is_complete", "said_at"]
    list_select_related = ["agent", "session"]
    ordering = ["-pk"]


@admin.register(Archive)
class ArchiveAdmin(ReadOnlyAdmin):
    list_display = ["key", "turns", "bytes", "written_at", "removed_at", "failures", "error"]
    search_fields = ["key"]
    ordering = ["-pk"]


@admin.register(Trace)
class TraceAdmin(ReadOnlyAdmin):
    list_display = ["request_id", "agent", "model", "status", "error_code", "level", "overhead_ms", "started_at"]
    list_filter = ["level", "is_stream"]
    list_select_related = ["agent"]
    search_fields = ["request_id"]
    ordering = ["-started_at"]
