"""Sessions that could not be mined: the list of them, and dead letters sent back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agents.access import Place, PlacedRequest, operator_page
from agents.choices import Role
from agents.selectors import agent_choices
from agents.services import audit
from ibex.core.errors import NotFound
from ibex.core.htmx import SeeOther, page
from ibex.core.listing import is_filtered, kept, listed
from ibex.core.writes import written
from ibex.dashboard.extraction_filters import STATES, ExtractionFilter
from ibex.dashboard.extraction_tables import ExtractionTable
from memories.mining import failures

GONE = "This session is not among those that were given up any more."


@require_safe
@operator_page()
def extractions(request: PlacedRequest) -> HttpResponse:
    """What failed of this organization, the latest first."""
    org_id, may_retry = request.place.organization.pk, request.place.may(Role.ADMIN)
    failed = failures.failures_of(org_id)
    filters = ExtractionFilter(request.GET, queryset=failed)
    table = ExtractionTable(kept(filters), may_retry=may_retry)
    errors = failed.order_by("error").values_list("error", flat=True).distinct()
    context = {
        "table": table,
        "pages": listed(table, request),
        "agents": agent_choices(org_id),
        "errors": [(error, error) for error in errors if error],
        "states": STATES,
        "is_filtered": is_filtered(filters),
        "given_up": failures.given_up(org_id).count(),
        "may_retry": may_retry,
    }
    return page(request, "jobs/dead_letters.html", context, partial="results")


@require_POST
@operator_page(Role.ADMIN)
def replay(request: PlacedRequest, session_id: UUID) -> HttpResponse:
    """Try one session of this organization anew."""
    place = request.place

    def write() -> None:
        if not failures.replay(place.organization.pk, session_id):
            raise NotFound(GONE)
        _audit(place, sessions=1, session=str(session_id))

    written(request, write, "The session is queued again.")
    return SeeOther(reverse("dashboard:extractions"))


@require_POST
@operator_page(Role.ADMIN)
def replay_all(request: PlacedRequest) -> HttpResponse:
    """Try all of them anew."""
    place = request.place

    def write() -> None:
        _audit(place, sessions=failures.replay_all(place.organization.pk))

    written(request, write, "The sessions that were given up are queued again.")
    return SeeOther(reverse("dashboard:extractions"))


def _audit(place: Place, **detail: Any) -> None:
    audit.record_of_organization(place.organization, actor=place.actor, action="extraction.replayed", **detail)
