from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class DashboardConfig(AppConfig):
    name = "ibex.dashboard"
    label = "dashboard"


class AdminConfig(SimpleAdminConfig):
    """The Django admin, inside the tenant that the operator has chosen.

    What it shows is loaded with the addresses (`ibex.urls`): a process that serves no page does without.
    """

    default_site = "ibex.dashboard.admin_site.TenantAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_admin, checks.Tags.admin)


def _check_admin(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """Django's own check, of everything that is shown: checks run in no order, perhaps before the addresses'."""
    admin.autodiscover()
    return check_admin_app(app_configs, **options)
