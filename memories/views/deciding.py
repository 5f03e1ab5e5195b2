"""The decisions of the Review page. A decided memory makes way for the next; a colleague's decision stands."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from ibex.core.errors import Conflict, IbexError, NotFound
from ibex.core.htmx import SeeOther
from ibex.core.tenancy import scope
from ibex.core.writes import attempt
from memories import store
from memories.forms import REASON_MAX, ApproveForm, RejectForm
from memories.models import Memory
from memories.refinement.approval import approve_edited
from memories.refinement.draft import Outcome, Result
from memories.store.review import keep_both as kept_both
from memories.views.inbox import Asked, inbox_page, memory_or_404, said_of_decided
from memories.views.telling import refuse, refuse_outcome

CONFLICT = 409
INVALID = 422


@require_POST
@operator_page(Role.OPERATOR)
def approve(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """Into prompts from now on; what it clashes with gives way."""

    def act(memory: Memory) -> str:
        retired = len(store.approve(memory, actor=request.place.actor))
        older = f" {retired} older {'memory gives' if retired == 1 else 'memories give'} way to it." if retired else ""
        return f"Approved.{older}"

    return _decided(request, memory_id, act)


@require_POST
@operator_page(Role.OPERATOR)
def keep_both(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """Into prompts, beside what it clashes with."""

    def act(memory: Memory) -> str:
        kept_both(memory, actor=request.place.actor)
        return "Both are kept."

    return _decided(request, memory_id, act)


@require_POST
@operator_page(Role.OPERATOR)
def reject(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """Put away, and not learned again."""
    form = RejectForm(request.POST)
    if not form.is_valid():
        memory_or_404(request, memory_id)
        messages.error(request, f"A reason has at most {REASON_MAX} characters.")
        return inbox_page(request, Asked.of(request), memory_id, status=INVALID)
    reason = form.cleaned_data["reason"]

    def act(memory: Memory) -> str:
        store.reject(memory, actor=request.place.actor, reason=reason)
        return "Rejected. It is not learned again."

    return _decided(request, memory_id, act)


@require_POST
@operator_page(Role.OPERATOR, in_scope=False)
def edit(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """In better words into prompts. Their embedding is waited for in no transaction."""
    org_id = request.place.organization.pk
    with scope(org_id):
        memory = memory_or_404(request, memory_id)
        following = _following(request, memory)
    form = ApproveForm(request.POST, memory=memory)
    if form.is_valid():
        try:
            outcome = approve_edited(org_id, memory.pk, actor=request.place.actor, **form.changes)
        except (Conflict, NotFound):
            with scope(org_id):
                return _too_late(request, memory, following)
        except IbexError as error:
            refuse(form, error)
        else:
            if outcome.result != Result.DUPLICATE_OF:
                return _edited(request, memory, following, outcome)
            refuse_outcome(form, outcome)
    with scope(org_id):
        return inbox_page(request, Asked.of(request), memory.pk, form=form, status=INVALID)


def _edited(request: PlacedRequest, memory: Memory, following: UUID | None, outcome: Outcome) -> HttpResponse:
    if outcome.result == Result.CREATED:
        messages.success(request, "Approved in your words.")
        return SeeOther(Asked.of(request).url(following))
    messages.warning(request, "Saved, but your words clash with another memory: compare them, then decide.")
    return SeeOther(Asked.of(request).url(memory.pk))


def _decided(request: PlacedRequest, memory_id: UUID, act: Callable[[Memory], str]) -> HttpResponse:
    """Do it, and go on to the next. `act` returns what to tell."""
    memory = memory_or_404(request, memory_id)
    following = _following(request, memory)
    told: list[str] = []
    refusal = attempt(request, lambda: told.append(act(memory)))
    if refusal is not None:
        return _too_late(request, memory, following)
    messages.success(request, told[0])
    return SeeOther(Asked.of(request).url(following))


def _too_late(request: PlacedRequest, memory: Memory, following: UUID | None) -> HttpResponse:
    messages.warning(request, f"{said_of_decided(memory)} Nothing was changed.")
    return inbox_page(request, Asked.of(request), following, status=CONFLICT)


def _following(request: PlacedRequest, memory: Memory) -> UUID | None:
    """Which memory comes after this one, or before the last one."""
    beside = Asked.of(request).beside(memory)
    return beside.next or beside.previous
