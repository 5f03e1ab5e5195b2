"""Tokens: made, shown once, revoked."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.filters import TokenFilter
from agents.forms import TokenForm
from agents.models import Token
from agents.selectors import agents_of, tokens_of
from agents.services import tokens
from agents.tables import TokenTable
from ibex.core.crypto import seal, unseal
from ibex.core.htmx import SeeOther, page, wants_partial
from ibex.core.listing import listed
from ibex.core.writes import saved, written

NEW_SECRET = "new_token"  # noqa: S105 - the session's key, not a secret
"""Where a new token's sealed secret waits for the one page that shows it."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operator_page()
def token_list(request: PlacedRequest) -> HttpResponse:
    """Every token, and the form that makes one."""
    if request.method == "POST":
        return _create(request)
    return _page(request, TokenForm(org_id=request.place.organization.pk))


def _create(request: PlacedRequest) -> HttpResponse:
    place = request.place
    if not place.may(Role.ADMIN):
        raise PermissionDenied
    form = TokenForm(request.POST, org_id=place.organization.pk)
    made: list[tuple[Token, str]] = []
    if form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("name", "scopes", "agent", "requests_per_minute")}

        def write() -> None:
            made.append(
                tokens.create(
                    org=place.organization,
                    expires_at=form.expires_at,
                    created_by=place.operator,
                    actor=place.actor,
                    **chosen,
                )
            )

        if saved(request, form, write):
            request.session[NEW_SECRET] = seal(made[0][1]).decode()
            return SeeOther(reverse("agents:tokens"))
    return _page(request, form, status=422)


@require_POST
@operator_page(Role.ADMIN)
def revoke(request: PlacedRequest, token_id: UUID) -> HttpResponse:
    """End a token for good."""
    token: Token = get_object_or_404(tokens_of(request.place.organization.pk), pk=token_id)
    done = f"{token.name} is revoked. It stops working everywhere within a second."
    written(request, partial(tokens.revoke, token, actor=request.place.actor), done)
    return SeeOther(reverse("agents:tokens"))


def _page(request: PlacedRequest, form: TokenForm, status: int = 200) -> HttpResponse:
    org_id = request.place.organization.pk
    rows = tokens_of(org_id)
    filters = TokenFilter(request.GET, queryset=rows)
    may_write = request.place.may(Role.ADMIN)
    table = TokenTable(filters.qs if filters.is_valid() else rows.none(), may_revoke=may_write)
    context = {
        "filters": filters,
        "table": table,
        "pages": listed(table, request),
        "agents": agents_of(org_id),
        "form": form,
        "may_write": may_write,
        "new_secret": _new_secret(request),
    }
    return page(request, "agents/tokens.html", context, partial="results", status=status)


def _new_secret(request: PlacedRequest) -> str:
    """The secret of the token just made, the one time it is asked for. A partial or a bare HEAD does not use it up."""
    if wants_partial(request) or request.method == "HEAD":
        return ""
    sealed = request.session.pop(NEW_SECRET, "")
    return unseal(sealed.encode()) if sealed else ""
