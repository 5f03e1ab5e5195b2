from __future__ import annotations

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class DashboardConfig(AppConfig):
    name = "ibex.dashboard"
    label = "dashboard"


class AdminConfig(DjangoAdminConfig):
    """The Django admin, inside the tenant that the operator has chosen."""

    default_site = "ibex.dashboard.admin_site.TenantAdminSite"

    def ready(self) -> None:
        # Unfold, when it became ready, put a site of its own in the place of `default_site`.
        from ibex.dashboard.admin_site import TenantAdminSite

        admin.site = admin.sites.site = TenantAdminSite()
        super().ready()
