"""How long the organization keeps what was said."""

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
from agents.models.retention import RETENTION_FIELDS
from agents.retention_form import RetentionForm
from agents.services import organizations
from ibex.core.htmx import SeeOther, posted_data
from ibex.core.writes import saved


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page()
def retention(request: PlacedRequest) -> HttpResponse:
    """Days for each kind: every member sees them, admins change them."""
    may_write = request.place.may(Role.ADMIN)
    if request.method == "POST" and not may_write:
        raise PermissionDenied
    organization = Organization.objects.get(pk=request.place.organization.pk)
    days = {name: getattr(organization, name) for name in RETENTION_FIELDS}
    form = RetentionForm(posted_data(request), initial=days)
    if request.method == "POST" and form.is_valid():
        write = partial(organizations.update, organization, actor=request.place.actor, **form.cleaned_data)
        if saved(request, form, write):
            messages.success(request, "Saved. What is older is removed within a day.")
            return SeeOther(reverse("agents:retention"))
    known = [(form.fields[name].label, value) for name, value in days.items()]
    context = {"form": form, "known": known, "may_write": may_write}
    return render(request, "agents/retention.html", context, status=422 if request.method == "POST" else 200)
