"""What the organization may use, and what it has used by now."""

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
from agents.limit_forms import OrganizationLimitsForm
from agents.limits import LIMIT_FIELDS, Limits, Subject
from agents.models import Organization
from agents.services import organizations
from agents.usage import usage_of
from ibex.core.htmx import SeeOther, posted_data
from ibex.core.writes import saved


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page()
def limits(request: PlacedRequest) -> HttpResponse:
    """The organization's limits: every member sees them, admins change them."""
    may_write = request.place.may(Role.ADMIN)
    if request.method == "POST" and not may_write:
        raise PermissionDenied
    organization = Organization.objects.get(pk=request.place.organization.pk)
    known = Limits.of(organization)
    form = OrganizationLimitsForm(
        posted_data(request), initial={name: getattr(organization, name) for name in LIMIT_FIELDS}
    )
    if request.method == "POST" and form.is_valid():
        write = partial(organizations.update, organization, actor=request.place.actor, **form.cleaned_data)
        if saved(request, form, write):
            messages.success(request, "Saved. Every process knows within a second.")
            return SeeOther(reverse("agents:limits"))
    subject = Subject(org_id=organization.pk, kind="organization", id=organization.pk)
    context = {"form": form, "usage": usage_of(subject, known), "may_write": may_write}
    return render(request, "agents/limits.html", context, status=422 if request.method == "POST" else 200)
