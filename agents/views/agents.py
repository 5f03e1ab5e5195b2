"""Agents: the list, one agent, its settings and its status."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.access import PlacedRequest, operator_page
from agents.activity import activity_of
from agents.choices import AgentStatus, InjectionMode, Role, SessionStatus
from agents.filters import AgentFilter, SessionFilter
from agents.forms import INJECTION_MODES, AgentForm
from agents.limits import Limits, Subject
from agents.models import Agent, Session
from agents.selectors import agents_of, sessions_of
from agents.services import agents
from agents.tables import AgentTable, SessionTable
from agents.usage import usage_of
from ibex.core.htmx import SeeOther, page, posted_data, public_url
from ibex.core.listing import is_filtered, kept, listed
from ibex.core.templatetags.ibex_ui import timestamp
from ibex.core.writes import saved, written

RECENT_SESSIONS = 8
DONE = {
    AgentStatus.ACTIVE: "{} answers calls again.",
    AgentStatus.PAUSED: "{} is paused. Its calls are refused until you activate it.",
    AgentStatus.ARCHIVED: "{} is archived.",
}


def agent_or_404(request: PlacedRequest, agent_id: UUID) -> Agent:
    """The one door to an agent's row: of the operator's organization, or not there."""
    agent: Agent = get_object_or_404(agents_of(request.place.organization.pk), pk=agent_id)
    return agent


@require_safe
@operator_page()
def agent_list(request: PlacedRequest) -> HttpResponse:
    """Every agent of the organization."""
    filters = AgentFilter(request.GET, queryset=_with_activity(agents_of(request.place.organization.pk)))
    table = AgentTable(kept(filters))
    context = {
        "filters": filters,
        "table": table,
        "pages": listed(table, request),
        "statuses": AgentStatus.choices,
        "may_write": request.place.may(Role.ADMIN),
    }
    return page(request, "agents/list.html", context, partial="results")


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.ADMIN)
def create(request: PlacedRequest) -> HttpResponse:
    """A new agent, active at once."""
    form = AgentForm(posted_data(request))
    if request.method == "POST" and form.is_valid():
        made: list[Agent] = []
        place = request.place

        def write() -> None:
            made.append(agents.create(org=place.organization, actor=place.actor, **form.cleaned_data))

        if saved(request, form, write):
            messages.success(request, f"{made[0].name} is ready. Give it a directive, or send its first call.")
            return SeeOther(reverse("agents:detail", args=[made[0].pk]))
    context = {"form": form, "cancel_url": reverse("agents:list")}
    return render(request, "agents/edit.html", context, status=422 if request.method == "POST" else 200)


@require_safe
@operator_page()
def detail(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """One agent: how to call it, what it did lately, how it is set up."""
    agent = agent_or_404(request, agent_id)
    context = agent_context(request, agent, "overview") | {
        "sessions": sessions_of(agent.org_id).filter(agent=agent)[:RECENT_SESSIONS],
        "activity": activity_of(agent),
        "facts": _facts(agent),
        "usage": usage_of(Subject(org_id=agent.org_id, kind="agent", id=agent.pk), Limits.of(agent)),
        "base_url": public_url(request),
    }
    return page(request, "agents/detail.html", context, partial="panel")


@require_safe
@operator_page()
def agent_sessions(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """One agent's conversations."""
    agent = agent_or_404(request, agent_id)
    filters = SessionFilter(request.GET, queryset=sessions_of(agent.org_id).filter(agent=agent))
    table = SessionTable(kept(filters), exclude=("agent",))
    context = agent_context(request, agent, "sessions") | {
        "table": table,
        "pages": listed(table, request),
        "is_filtered": is_filtered(filters),
        "statuses": SessionStatus.choices,
    }
    return page(request, "agents/agent_sessions.html", context, partial="panel")


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.ADMIN)
def edit(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """Change an agent's settings."""
    agent = agent_or_404(request, agent_id)
    form = AgentForm(posted_data(request), instance=agent)
    back = reverse("agents:detail", args=[agent.pk])
    if (
        request.method == "POST"
        and form.is_valid()
        and saved(request, form, partial(agents.update, agent, actor=request.place.actor, **form.cleaned_data))
    ):
        messages.success(request, "Saved.")
        return SeeOther(back)
    context = {"form": form, "agent": agent_or_404(request, agent_id), "cancel_url": back}
    return render(request, "agents/edit.html", context, status=422 if request.method == "POST" else 200)


@require_POST
@operator_page(Role.ADMIN)
def set_status(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """Activate, pause or archive. Archiving is final: the agent's slug must be typed."""
    agent = agent_or_404(request, agent_id)
    wanted = request.POST.get("status", "")
    if wanted not in AgentStatus.values:
        raise Http404
    status = AgentStatus(wanted)
    if status == AgentStatus.ARCHIVED and request.POST.get("confirmation", "").strip() != agent.slug:
        messages.error(request, "Nothing was changed: what you typed is not the agent's slug.")
    else:
        written(
            request,
            partial(agents.set_status, agent, status, actor=request.place.actor),
            DONE[status].format(agent.name),
        )
    return SeeOther(reverse("agents:detail", args=[agent.pk]))


def agent_context(request: PlacedRequest, agent: Agent, tab: str) -> dict[str, object]:
    """What every page of one agent shows around its content."""
    is_open = agent.status != AgentStatus.ARCHIVED
    return {
        "agent": agent,
        "tab": tab,
        "may_manage": is_open and request.place.may(Role.ADMIN),
        "may_direct": is_open and request.place.may(Role.OPERATOR),
    }


def _facts(agent: Agent) -> list[tuple[str, object]]:
    """An agent's settings in words."""
    return [
        ("Slug", agent.slug),
        ("Learns", "Yes" if agent.learns else "No"),
        ("Remembers", _remembers(agent)),
        ("Held out", f"{agent.holdout_share:.4g} of sessions" if agent.holdout_share else "None"),
        ("Directive goes to", dict(INJECTION_MODES)[InjectionMode(agent.injection_mode)]),
        ("End user from body", "Yes" if agent.trusts_body_user else "No"),
        ("Session idle", f"{agent.idle_minutes} minutes" if agent.idle_minutes else "The deployment's default"),
        ("Made", timestamp(agent.created_at, style="date")),
    ]


def _remembers(agent: Agent) -> str:
    if not agent.remembers:
        return "No"
    return "In the shadow: recorded, not shown" if agent.shadows else f"Up to {agent.memory_tokens:,} tokens"


def _with_activity(rows: QuerySet[Agent]) -> QuerySet[Agent]:
    """Each agent's number of sessions and its last turn, in the same query."""
    own = Session.objects.filter(org_id=OuterRef("org_id"), agent_id=OuterRef("pk"))
    count = own.order_by().values("agent_id").annotate(count=Count("pk")).values("count")
    return rows.annotate(
        session_count=Coalesce(Subquery(count, output_field=IntegerField()), 0),
        last_turn_at=Subquery(own.order_by("-last_turn_at").values("last_turn_at")[:1]),
    )
