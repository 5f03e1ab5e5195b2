"""What becomes of personal data in the organization's memories."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.models import Organization
from agents.privacy import actions_from
from agents.privacy_form import LABELS, PrivacyForm, describe
from agents.services.privacy import change_pii_policy
from ibex.core.htmx import SeeOther, posted_data
from ibex.core.writes import saved


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page()
def privacy(request: PlacedRequest) -> HttpResponse:
    """An action for each type of personal data: every member sees them, admins change them."""
    may_write = request.place.may(Role.ADMIN)
    if request.method == "POST" and not may_write:
        raise PermissionDenied
    organization = Organization.objects.get(pk=request.place.organization.pk)
    actions = actions_from(organization.pii_policy)
    form = PrivacyForm(posted_data(request), actions=actions)
    if request.method == "POST" and form.is_valid():
        write = partial(change_pii_policy, organization, form.cleaned_data, actor=request.place.actor)
        if saved(request, form, write):
            messages.success(request, "Saved. It holds for what is remembered from now on.")
            return SeeOther(reverse("agents:privacy"))
    known = [(label, describe(kind, actions[kind])) for kind, (label, _) in LABELS.items()]
    context = {"form": form, "known": known, "may_write": may_write}
    return render(request, "agents/privacy.html", context, status=422 if request.method == "POST" else 200)
