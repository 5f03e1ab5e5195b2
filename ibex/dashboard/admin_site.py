"""The Django admin, inside the tenant that the operator has chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from unfold.sites import UnfoldAdminSite

from agents.access import operator_page
from agents.choices import Role


class TenantAdminSite(UnfoldAdminSite):
    """Every admin view runs in the scope of the chosen organization: Row-Level Security holds here too."""

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        checked = super().admin_view(view, cacheable)
        placed = operator_page(Role.ADMIN)(checked)

        @wraps(checked)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return (
                placed(request, *args, **kwargs) if request.user.is_authenticated else checked(request, *args, **kwargs)
            )

        return guarded
