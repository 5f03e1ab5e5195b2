from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class DashboardConfig(AppConfig):
    name = "ibex.dashboard"
    label = "dashboard"


class AdminConfig(DjangoAdminConfig):
    """The Django admin, inside the tenant that the operator has chosen."""

    default_site = "ibex.dashboard.admin_site.TenantAdminSite"
