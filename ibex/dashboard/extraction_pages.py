"""Dead letters of extraction, sent back from the Jobs page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from agents.access import Place, PlacedRequest, operator_page
from agents.choices import Role
from agents.services import audit
from ibex.core.errors import NotFound
from ibex.core.htmx import SeeOther
from ibex.core.writes import written
from memories.mining import failures

GONE = "This session is not among those that were given up any more."


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
    return SeeOther(reverse("dashboard:jobs"))


@require_POST
@operator_page(Role.ADMIN)
def replay_all(request: PlacedRequest) -> HttpResponse:
    """Try all of them anew."""
    place = request.place

    def write() -> None:
        _audit(place, sessions=failures.replay_all(place.organization.pk))

    written(request, write, "The sessions that were given up are queued again.")
    return SeeOther(reverse("dashboard:jobs"))


def _audit(place: Place, **detail: Any) -> None:
    audit.record_of_organization(place.organization, actor=place.actor, action="extraction.replayed", **detail)
