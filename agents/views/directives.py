"""An agent's directive: write it, compare versions, go back."""

from __future__ import annotations

import difflib
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.forms import DirectiveForm
from agents.models import Agent, Directive
from agents.selectors import versions_of
from agents.services import directives
from agents.views.agents import agent_context, agent_or_404
from ibex.core.htmx import SeeOther, page
from ibex.core.writes import saved, written

SHOWN_VERSIONS = 100
"""The newest ones are listed; older ones keep their addresses."""
CONTEXT_LINES = 3


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page()
def directive(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """Read and edit: each save is a new version, in force at once."""
    agent = agent_or_404(request, agent_id)
    if request.method == "POST":
        return _save(request, agent)
    return _editor(request, agent, _form(agent))


def _save(request: PlacedRequest, agent: Agent) -> HttpResponse:
    if not request.place.may(Role.OPERATOR):
        raise PermissionDenied
    form = DirectiveForm(request.POST, newest=_newest(agent))
    if form.is_valid():
        place = request.place
        said = {"author": place.operator, "note": form.cleaned_data["note"], "actor": place.actor}
        if saved(request, form, partial(directives.save, agent, form.cleaned_data["content"], **said)):
            messages.success(request, "Saved. Every call uses the new directive within a second.")
            return SeeOther(_address(agent))
    return _editor(request, agent, form, status=422)


@require_safe
@operator_page()
def version(request: PlacedRequest, agent_id: UUID, number: int) -> HttpResponse:
    """One version, and what it changed against another: `?against=`, by default the one before it."""
    agent = agent_or_404(request, agent_id)
    shown: Directive = get_object_or_404(versions_of(agent), version=number)
    against = request.GET.get("against", "")
    other_number = int(against) if against.isascii() and against.isdigit() and len(against) < 9 else number - 1
    other = versions_of(agent).filter(version=other_number).exclude(pk=shown.pk).first()
    context = agent_context(request, agent, "directive") | {
        "shown": shown,
        "other": other,
        "lines": _difference(other, shown) if other else [],
        "versions": _numbers(agent),
    }
    return page(request, "agents/version.html", context, partial="panel")


@require_POST
@operator_page(Role.OPERATOR)
def roll_back(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """An earlier text again, as a new version."""
    agent = agent_or_404(request, agent_id)
    wanted = request.POST.get("version", "")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 9):
        raise Http404
    place = request.place
    write = partial(directives.rollback, agent, int(wanted), author=place.operator, actor=place.actor)
    written(request, write, f"The text of version {wanted} is in force again, as a new version.")
    return SeeOther(_address(agent))


@require_POST
@operator_page(Role.OPERATOR)
def deactivate(request: PlacedRequest, agent_id: UUID) -> HttpResponse:
    """No directive in force; the versions stay."""
    agent = agent_or_404(request, agent_id)
    write = partial(directives.deactivate, agent, request.place.actor)
    written(request, write, "No directive is in force. Its versions are kept.")
    return SeeOther(_address(agent))


def _editor(request: PlacedRequest, agent: Agent, form: DirectiveForm, status: int = 200) -> HttpResponse:
    context = agent_context(request, agent, "directive") | {
        "form": form,
        "versions": versions_of(agent)[:SHOWN_VERSIONS],
    }
    return page(request, "agents/directive.html", context, partial="panel", status=status)


def _form(agent: Agent) -> DirectiveForm:
    content = agent.directive.content if agent.directive else ""
    return DirectiveForm(newest=_newest(agent), content=content)


def _newest(agent: Agent) -> int:
    """The newest version's number; 0 when there is none."""
    return versions_of(agent).values_list("version", flat=True).first() or 0


def _numbers(agent: Agent) -> list[int]:
    return list(versions_of(agent).values_list("version", flat=True)[:SHOWN_VERSIONS])


def _difference(old: Directive, new: Directive) -> list[str]:
    return list(difflib.unified_diff(old.content.splitlines(), new.content.splitlines(), lineterm="", n=CONTEXT_LINES))


def _address(agent: Agent) -> str:
    return reverse("agents:directive", args=[agent.pk])
