"""Tokens: made, shown once, revoked."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.filters import TokenFilter
from agents.forms import TokenForm
from agents.models import Token
from agents.selectors import agents_of, tokens_of
from agents.services import tokens
from agents.tables import TokenTable
from agents.views.agents import agent_context, agent_or_404
from ibex.core.crypto import seal, unseal
from ibex.core.htmx import SeeOther, page, posted_data, wants_partial
from ibex.core.listing import is_filtered, kept, listed
from ibex.core.writes import saved, written

NEW_SECRET = "new_token"  # noqa: S105 - the session's key, not a secret
"""Where a new token's sealed secret waits for the one page that shows it."""


@never_cache
@require_safe
@operator_page()
def token_list(request: PlacedRequest) -> HttpResponse:
    """Every token; above them, once, the secret of the one just made."""
    org_id = request.place.organization.pk
    filters = TokenFilter(request.GET, queryset=tokens_of(org_id))
    may_write = request.place.may(Role.ADMIN)
    table = TokenTable(kept(filters), may_revoke=may_write)
    context = {
        "filters": filters,
        "table": table,
        "pages": listed(table, request),
        "agents": agents_of(org_id),
        "may_write": may_write,
        "new_secret": _new_secret(request),
    }
    return page(request, "agents/tokens.html", context, partial="results")


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.ADMIN)
def create(request: PlacedRequest) -> HttpResponse:
    """Make a token. Its secret waits, sealed, in the session for the list that shows it."""
    place = request.place
    org_id = place.organization.pk
    form = TokenForm(posted_data(request), org_id=org_id, initial={"agent": request.GET.get("agent")})
    made: list[tuple[Token, str]] = []

    def write() -> None:
        said = form.cleaned_data
        made.append(
            tokens.create(
                org=place.organization,
                name=said["name"],
                scopes=said["scopes"],
                agent=said["agent"],
                limits=form.limits,
                expires_at=form.expires_at,
                created_by=place.operator,
                actor=place.actor,
            )
        )

    if request.method == "POST" and form.is_valid() and saved(request, form, write):
        request.session[NEW_SECRET] = seal(made[0][1]).decode()
        return SeeOther(reverse("agents:tokens"))
    status = 422 if request.method == "POST" else 200
    return page(request, "agents/token_form.html", {"form": form}, partial="form", status=status)


@require_safe
@operator_page()
def agent_tokens(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """The tokens that work for one agent only."""
    agent = agent_or_404(request, agent_id)
    may_write = request.place.may(Role.ADMIN)
    filters = TokenFilter(request.GET, queryset=tokens_of(agent.org_id).filter(agent=agent))
    table = TokenTable(kept(filters), may_revoke=may_write, exclude=("agent",))
    context = agent_context(request, agent, "tokens") | {
        "table": table,
        "pages": listed(table, request),
        "is_filtered": is_filtered(filters),
        "states": [("false", "Not revoked"), ("true", "Revoked")],
    }
    return page(request, "agents/agent_tokens.html", context, partial="panel")


@require_POST
@operator_page(Role.ADMIN)
def revoke(request: PlacedRequest, token_id: UUID) -> HttpResponse:
    """End a token for good."""
    token: Token = get_object_or_404(tokens_of(request.place.organization.pk), pk=token_id)
    done = f"{token.name} is revoked. It stops working everywhere within a second."
    written(request, partial(tokens.revoke, token, actor=request.place.actor), done)
    return SeeOther(reverse("agents:tokens"))


def _new_secret(request: PlacedRequest) -> str:
    """The secret of the token just made, the one time it is asked for. A partial or a bare HEAD does not use it up."""
    if wants_partial(request) or request.method == "HEAD":
        return ""
    sealed = request.session.pop(NEW_SECRET, "")
    return unseal(sealed.encode()) if sealed else ""
