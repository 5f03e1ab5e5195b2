"""The Django admin, inside the tenant that the operator has chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from agents.access import operator_page
from agents.choices import Role
from agents.views.sign_in import sign_out
from ibex.core.errors import IbexError
from ibex.core.htmx import SeeOther
from ibex.core.origin import served_from


class TenantAdminSite(UnfoldAdminSite):
    """Every admin view runs in the scope of the chosen organization: Row-Level Security holds here too.

    There is one door: signing in and out happen on the pages of their own, where they are throttled and audited.
    """

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        checked = super().admin_view(view, cacheable)
        placed = operator_page(Role.ADMIN)(checked)

        @wraps(checked)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return checked(request, *args, **kwargs)  # type: ignore[no-any-return]
            try:
                with served_from(request):
                    return placed(request, *args, **kwargs)
            except IbexError as refusal:
                return _refused(request, refusal)

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        return redirect_to_login(wanted, reverse("agents:sign_in"))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return sign_out(request)


def _refused(request: HttpRequest, refusal: IbexError) -> HttpResponse:
    """What a service would not do, in its own words, on the page that asked for it."""
    for sentence in [error.message for error in refusal.field_errors] or [refusal.message]:
        messages.error(request, sentence)
    return SeeOther(request.get_full_path())
