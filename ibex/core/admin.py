"""What the Django admin of every app stands on: rows of the chosen organization only, written by services only."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from ibex.core.tenancy import current_org_id


class TenantAdmin(ModelAdmin):
    """Rows of one organization. Row-Level Security is the floor; the filter here is the second wall.

    Writes go through services, which audit them; the admin's own log has no tenant, so nothing is written to it.
    """

    tenant_column = "org_id"
    show_full_result_count = False
    list_per_page = 50
    warn_unsaved_form = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(**{self.tenant_column: current_org_id()})

    def log_addition(self, request: HttpRequest, obj: Model, message: object) -> None:
        """The service has audited it."""

    def log_change(self, request: HttpRequest, obj: Model, message: object) -> None:
        """The service has audited it."""

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """The service has audited it."""


class ReadOnlyAdmin(TenantAdmin):
    """History, and rows that have one writer elsewhere: to be read, never changed here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
