"""Receipts and feedback in the Django admin, to be read."""

from __future__ import annotations

from django.contrib import admin

from context.models import AssemblyRecord, Feedback, Injection, Outcome, Reading
from ibex.core.admin import ReadOnlyAdmin


@admin.register(Injection)
class InjectionAdmin(ReadOnlyAdmin):
    list_display = ["turn_id", "memory", "rank", "score", "arm", "tokens", "is_packed", "reason"]
    list_filter = ["is_packed", "arm"]
    list_select_related = ["memory"]
    ordering = ["-created_at"]


@admin.register(AssemblyRecord)
class AssemblyRecordAdmin(ReadOnlyAdmin):
    list_display = ["turn_id", "agent", "assembled_at", "mode", "level", "directive_version", "block_tokens"]
    list_filter = ["mode", "level"]
    list_select_related = ["agent"]
    ordering = ["-assembled_at"]


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "actor", "agent", "memory", "request_id", "useful"]
    list_filter = ["useful", "source"]
    list_select_related = ["agent", "memory"]
    search_fields = ["request_id", "actor"]
    ordering = ["-pk"]


@admin.register(Reading)
class ReadingAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "agent", "memory", "turn_id", "is_used", "share"]
    list_filter = ["is_used"]
    list_select_related = ["agent", "memory"]
    ordering = ["-pk"]


@admin.register(Outcome)
class OutcomeAdmin(ReadOnlyAdmin):
    list_display = ["session", "agent", "turns", "corrections", "prompt_tokens", "completion_tokens", "cost", "mixed"]
    list_filter = ["mixed"]
    list_select_related = ["agent", "session"]
    ordering = ["-pk"]
