"""A session's archive, from its page."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from agents.access import PlacedRequest, operator_page
from agents.archives.links import ArchiveLink, link_to
from ibex.core.htmx import SeeOther
from ibex.core.writes import attempt
from ibex.dashboard import selectors


@require_GET
@never_cache
@operator_page()
def download(request: PlacedRequest, session_id: UUID) -> HttpResponse:
    """Go on to a fresh address of the file; back to the session, saying why, where there is none."""
    shown = selectors.session_of(request.place.organization.pk, session_id)
    if shown is None:
        raise Http404
    links: list[ArchiveLink] = []
    refusal = attempt(request, lambda: links.append(link_to(shown, actor=request.place.actor)))
    if refusal is not None:
        messages.error(request, refusal.message)
        return SeeOther(reverse("dashboard:session", args=[session_id]))
    return redirect(links[0].url)
