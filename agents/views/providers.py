"""Providers: who answers for which models, with which key, and whether they do."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import ProviderKind, Role
from agents.filters import ProviderFilter
from agents.models import ProviderConnection
from agents.provider_forms import ProviderForm
from agents.provider_tables import ProviderTable
from agents.selectors import providers_of
from agents.services import providers
from ibex.core.htmx import SeeOther, page, posted_data
from ibex.core.listing import is_filtered, kept, listed
from ibex.core.tenancy import scope
from ibex.core.writes import saved, written


@require_safe
@operator_page()
def provider_list(request: PlacedRequest) -> HttpResponse:
    """Every provider, in the order in which they are asked."""
    may_write = request.place.may(Role.ADMIN)
    filters = ProviderFilter(request.GET, queryset=providers_of(request.place.organization.pk))
    table = ProviderTable(kept(filters), may_write=may_write)
    context = {
        "table": table,
        "pages": listed(table, request),
        "is_filtered": is_filtered(filters),
        "kinds": ProviderKind.choices,
        "states": [("true", "Active"), ("false", "Switched off")],
        "may_write": may_write,
    }
    return page(request, "agents/providers.html", context, partial="results")


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.ADMIN)
def create(request: PlacedRequest) -> HttpResponse:
    """A new provider; calls reach it at once."""
    return _form_page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.ADMIN)
def edit(request: PlacedRequest, provider_id: UUID) -> HttpResponse:
    """Change a provider. Its key is replaced only by a new one."""
    return _form_page(request, _provider_or_404(request, provider_id))


@require_POST
@operator_page(Role.ADMIN)
def delete(request: PlacedRequest, provider_id: UUID) -> HttpResponse:
    """Remove a provider and its key."""
    provider = _provider_or_404(request, provider_id)
    done = f"{provider.name} is deleted, and its key with it."
    written(request, partial(providers.delete, provider, actor=request.place.actor), done)
    return SeeOther(reverse("agents:providers"))


@require_POST
@operator_page(Role.ADMIN, in_scope=False)
def test(request: PlacedRequest, provider_id: UUID) -> HttpResponse:
    """Ask a provider for its models and tell the operator what happened. No transaction waits for the provider."""
    with scope(request.place.organization.pk):
        provider = _provider_or_404(request, provider_id)
    result = providers.check(provider, actor=request.place.actor)
    tell = messages.success if result.is_ok else messages.error
    tell(request, f"{provider.name}: {result.message}")
    return SeeOther(reverse("agents:providers"))


def _provider_or_404(request: PlacedRequest, provider_id: UUID) -> ProviderConnection:
    provider: ProviderConnection = get_object_or_404(providers_of(request.place.organization.pk), pk=provider_id)
    return provider


def _form_page(request: PlacedRequest, provider: ProviderConnection | None) -> HttpResponse:
    """The form, or the list once it is saved."""
    place = request.place
    # What the page is about stays as it was when the service refuses a change.
    shown = {"provider_id": provider.pk, "provider_name": provider.name} if provider else {}
    form = ProviderForm(posted_data(request), provider=provider)

    def write() -> None:
        providers.save(org=place.organization, actor=place.actor, provider=provider, **form.said)

    if request.method == "POST" and form.is_valid() and saved(request, form, write):
        messages.success(request, f"{form.cleaned_data['name']} is saved. Test it to see whether it answers.")
        return SeeOther(reverse("agents:providers"))
    status = 422 if request.method == "POST" else 200
    return page(request, "agents/provider_form.html", {"form": form, **shown}, partial="form", status=status)
