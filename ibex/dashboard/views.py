"""The pages that cross apps: Home with its live feed, and sessions with what was injected into them."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agents.access import PlacedRequest, operator_page
from agents.archives.states import archived
from agents.choices import ArchiveState, Role, SessionStatus
from agents.filters import SessionFilter
from agents.selectors import agents_of, archive_of, sessions_of
from agents.services.sessions import complete
from agents.tables import SessionTable
from context.feedback import Ballot, Given, give
from context.models import COMMENT_MAX
from ibex.core.htmx import SeeOther, page, public_url, wants_partial
from ibex.core.ids import parse_uuid
from ibex.core.listing import Pages, kept, listed
from ibex.core.writes import attempt, written
from ibex.dashboard import selectors
from ibex.dashboard.cards import cards
from ibex.dashboard.replay import TURNS_PER_PAGE, page_of, replay

NO_CONTENT = 204
"""The feed has nothing new: htmx leaves the page as it is."""


@require_safe
@operator_page()
def home(request: PlacedRequest) -> HttpResponse:
    """The last seven days and what is happening now; before the first call, how to make it."""
    org_id = request.place.organization.pk
    turns = selectors.recent_turns(org_id)
    if not turns:
        return render(request, "dashboard/first_run.html", _first_run(request))
    context = {"cards": cards(selectors.overview(org_id)), "turns": turns}
    return page(request, "dashboard/home.html", context, partial="cards")


@require_safe
@operator_page()
def feed(request: PlacedRequest) -> HttpResponse:
    """The latest turns, for the page that asks every few seconds; 204 while the newest is still `?after=`."""
    turns = selectors.recent_turns(request.place.organization.pk)
    seen = parse_uuid(request.GET.get("after", ""))
    if (turns[0].pk if turns else None) == seen:
        return HttpResponse(status=NO_CONTENT)
    if seen is None:
        # The first call came in: the page that waits for it becomes Home.
        return HttpResponse(status=NO_CONTENT, headers={"HX-Refresh": "true"})
    return render(request, "dashboard/feed.html", {"turns": turns, "seen": seen})


@require_safe
@operator_page()
def sessions(request: PlacedRequest) -> HttpResponse:
    """Every conversation of the organization."""
    org_id = request.place.organization.pk
    filters = SessionFilter(request.GET, queryset=sessions_of(org_id))
    table = SessionTable(kept(filters))
    context = {
        "filters": filters,
        "table": table,
        "pages": listed(table, request),
        "agents": agents_of(org_id),
        "statuses": SessionStatus.choices,
        "archive_states": ArchiveState.choices,
    }
    return page(request, "sessions/list.html", context, partial="results")


@require_safe
@operator_page()
def session(request: PlacedRequest, session_id: UUID) -> HttpResponse:
    """One conversation, replayed. `?turn=` finds the page of one turn."""
    shown = selectors.session_of(request.place.organization.pk, session_id)
    if shown is None:
        raise Http404
    turn_id = parse_uuid(request.GET.get("turn", ""))
    number = page_of(shown, turn_id) if turn_id else _page_number(request)
    last = max(-(-shown.turn_count // TURNS_PER_PAGE), 1)
    number = min(number, last)
    context = {
        "session": shown,
        "archived": archived(shown, archive_of(shown)),
        "may_steer": request.place.may(Role.OPERATOR),
        "turns": replay(shown, number, reader=request.place.actor),
        "pages": Pages(
            number=number,
            previous_url=f"?page={number - 1}" if number > 1 else "",
            next_url=f"?page={number + 1}" if number < last else "",
        ),
    }
    return page(request, "sessions/detail.html", context, partial="replay")


@require_POST
@operator_page(Role.OPERATOR)
def complete_session(request: PlacedRequest, session_id: UUID) -> HttpResponse:
    """The conversation is over: what it holds is mined once more."""
    shown = selectors.session_of(request.place.organization.pk, session_id)
    if shown is None:
        raise Http404
    done = "The session is completed. A later turn would make it active again."
    written(request, partial(complete, shown, actor=request.place.actor), done)
    if not wants_partial(request):
        return SeeOther(reverse("dashboard:session", args=[session_id]))
    shown = selectors.session_of(request.place.organization.pk, session_id)
    told = archived(shown, archive_of(shown)) if shown else None
    return render(request, "sessions/ended.html", {"session": shown, "archived": told, "may_steer": True})


@require_POST
@operator_page(Role.OPERATOR)
def judge(request: PlacedRequest, session_id: UUID, turn_id: UUID, memory_id: UUID) -> HttpResponse:
    """The operator's thumb on one memory that a turn was given."""
    place = request.place
    useful = {"true": True, "false": False}.get(request.POST.get("useful", ""))
    if useful is None:
        raise Http404
    ballot = Ballot(
        org_id=place.organization.pk, actor=place.actor, useful=useful, turn_id=turn_id, memory_ids=[memory_id]
    )
    given: list[Given | None] = []
    if attempt(request, lambda: given.append(give(ballot))) or not given[0]:
        raise Http404
    if not wants_partial(request):
        return SeeOther(f"{reverse('dashboard:session', args=[session_id])}?turn={turn_id}#turn-{turn_id}")
    context = {"session_id": session_id, "turn_id": turn_id, "memory_id": memory_id, "useful": useful}
    return render(request, "sessions/verdict.html", context)


@require_POST
@operator_page(Role.OPERATOR)
def judge_answer(request: PlacedRequest, session_id: UUID, turn_id: UUID) -> HttpResponse:
    """The operator's thumb on an answer, and so on every memory that it was given; with a comment, if they like."""
    place = request.place
    useful = {"true": True, "false": False}.get(request.POST.get("useful", ""))
    comment = request.POST.get("comment", "").replace("\0", "").strip()
    shown = selectors.session_of(place.organization.pk, session_id)
    if useful is None or shown is None or not shown.checkpoints.filter(turn_id=turn_id).exists():
        raise Http404
    if len(comment) > COMMENT_MAX:
        messages.error(request, f"Nothing was said: a comment has at most {COMMENT_MAX:,} characters.")
    else:
        ballot = Ballot(
            org_id=place.organization.pk, actor=place.actor, useful=useful, turn_id=turn_id, comment=comment
        )
        written(request, partial(give, ballot), "Thank you: noted.")
    return SeeOther(f"{reverse('dashboard:session', args=[session_id])}?turn={turn_id}#turn-{turn_id}")


def _first_run(request: PlacedRequest) -> dict[str, object]:
    """What the page before the first call says: the agent to call, and where."""
    return {
        "agent": agents_of(request.place.organization.pk).filter(status="active").first(),
        "base_url": public_url(request),
        "may_manage": request.place.may(Role.ADMIN),
    }


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 8 else 1
