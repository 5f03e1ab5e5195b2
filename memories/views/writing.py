"""Writing by hand. Each text goes through refinement, and the page says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from ibex.core.errors import IbexError, NotFound
from ibex.core.htmx import SeeOther, page, wants_partial
from ibex.core.ids import parse_uuid
from ibex.core.tenancy import scope
from ibex.core.writes import saved
from memories import store
from memories.choices import Source
from memories.forms import EditForm, MemoryForm, TagsForm
from memories.models import Memory
from memories.refinement import pipeline, revision
from memories.refinement.draft import Draft, Outcome, Result
from memories.views.detail import memory_or_404, memory_page
from memories.views.surroundings import retired_by
from memories.views.telling import refuse, refuse_outcome, tell_created, tell_standing

BIGGEST = 2**31 - 1
"""The biggest version number that the database can hold."""


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.OPERATOR, in_scope=False)
def create(request: PlacedRequest) -> HttpResponse:
    """A memory written by hand. Its embedding is waited for in no transaction."""
    org_id = request.place.organization.pk
    with scope(org_id):
        form = MemoryForm(
            request.POST or None, org_id=org_id, initial={"agent": parse_uuid(request.GET.get("agent_id", ""))}
        )
        if not form.is_valid():
            return _form_page(request, "memories/new.html", form)
        draft = _draft(request, form)
    outcome = _attempt(form, lambda: pipeline.refine(draft))
    if outcome is None or outcome.memory_id is None:
        if outcome is not None:
            refuse_outcome(form, outcome)
        with scope(org_id):
            return _form_page(request, "memories/new.html", form)
    with scope(org_id):
        retired = retired_by(org_id, outcome.memory_id) if outcome.result == Result.CREATED else 0
    tell_created(request, outcome, retired=retired)
    return SeeOther(reverse("memories:detail", args=[outcome.memory_id]))


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.OPERATOR, in_scope=False)
def edit(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """Change what a memory says. A changed text goes through the same checks as a new one."""
    with scope(request.place.organization.pk):
        memory = memory_or_404(request, memory_id)
    form = EditForm(request.POST or None, memory=memory)
    if not form.is_valid():
        return _form_page(request, "memories/edit.html", form, memory)
    changes = form.changes
    if changes:
        actor = request.place.actor
        outcome = _attempt(form, lambda: revision.revise(memory.org_id, memory.pk, actor=actor, **changes))
        if outcome is None or outcome.result == Result.DUPLICATE_OF:
            if outcome is not None:
                refuse_outcome(form, outcome)
            return _form_page(request, "memories/edit.html", form, memory)
        tell_standing(request, outcome, "Saved.")
    return SeeOther(reverse("memories:detail", args=[memory.pk]))


@require_POST
@operator_page(Role.OPERATOR)
def tags(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """Replace a memory's tags."""
    memory = memory_or_404(request, memory_id)
    form = TagsForm(request.POST)
    if form.is_valid():
        wanted = form.cleaned_data["tags"]
        if saved(request, form, lambda: store.set_tags(memory, wanted, actor=request.place.actor)):
            messages.success(request, "The tags are saved.")
            return SeeOther(reverse("memories:detail", args=[memory.pk]))
    return memory_page(request, memory, tags_form=form, status=422)


@require_POST
@operator_page(Role.OPERATOR, in_scope=False)
def restore(request: PlacedRequest, memory_id: UUID, number: int) -> HttpResponse:
    """An earlier version again, as a new one."""
    if number > BIGGEST:
        raise Http404
    try:
        outcome = revision.restore(request.place.organization.pk, memory_id, number, actor=request.place.actor)
    except NotFound as error:
        raise Http404 from error
    except IbexError as error:
        messages.error(request, error.message)
        return SeeOther(reverse("memories:detail", args=[memory_id]))
    if outcome.result == Result.DUPLICATE_OF:
        messages.error(request, "Nothing was changed: another memory has the words of that version by now.")
    else:
        tell_standing(request, outcome, f"Version {number} is restored.")
    return SeeOther(reverse("memories:detail", args=[memory_id]))


def _attempt(form: BaseForm, write: Callable[[], Outcome]) -> Outcome | None:
    """What refinement made of it; None when it refused with an error, which the form shows."""
    try:
        return write()
    except NotFound as error:
        raise Http404 from error
    except IbexError as error:
        refuse(form, error)
        return None


def _draft(request: PlacedRequest, form: MemoryForm) -> Draft:
    typed = form.cleaned_data
    return Draft(
        org_id=request.place.organization.pk,
        agent_id=typed["agent"].pk,
        end_user=typed["end_user"],
        content=typed["content"],
        category=typed["category"],
        tags=tuple(typed["tags"]),
        source=Source.USER_PROVIDED,
        is_pinned=typed["is_pinned"],
        observed_at=timezone.now(),
        actor=request.place.actor,
    )


def _form_page(request: PlacedRequest, template: str, form: BaseForm, memory: Memory | None = None) -> HttpResponse:
    context = {"form": form, "memory": memory, "in_drawer": wants_partial(request)}
    return page(request, template, context, partial="panel", status=422 if form.is_bound else 200)
