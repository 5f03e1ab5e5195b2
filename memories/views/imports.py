"""Pages of imports: bring a file, watch it being read, see what came of each record, stop it, take it back."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.selectors import agent_choices
from ibex.core.errors import IbexError
from ibex.core.htmx import SeeOther, page
from ibex.core.ids import parse_uuid
from ibex.core.listing import is_filtered, kept, listed
from ibex.core.tenancy import scope
from ibex.core.writes import written
from memories.import_filters import ImportFilter, ImportItemFilter
from memories.import_form import ImportForm
from memories.import_tables import ImportItemTable, ImportTable, status_badge
from memories.models.imports import ImportItem, ImportKind, ImportResult, ImportRun, ImportStatus
from memories.transfer import runs
from memories.transfer.intake import Wanted, receive
from memories.transfer.telling import tally
from memories.views.telling import refuse


@require_safe
@operator_page()
def import_list(request: PlacedRequest) -> HttpResponse:
    """Imports, the newest first."""
    org_id = request.place.organization.pk
    filters = ImportFilter(request.GET, queryset=ImportRun.objects.of(org_id).select_related("agent"))
    table = ImportTable(kept(filters))
    context = {
        "table": table,
        "pages": listed(table, request),
        "filters": filters,
        "agents": agent_choices(org_id),
        "kinds": ImportKind.choices,
        "statuses": ImportStatus.choices,
        "is_filtered": is_filtered(filters),
        "may_write": request.place.may(Role.OPERATOR),
    }
    return page(request, "imports/list.html", context, partial="results")


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.OPERATOR, in_scope=False)
def create(request: PlacedRequest) -> HttpResponse:
    """Bring a file. It is read in the background."""
    org_id = request.place.organization.pk
    is_sent = request.method == "POST"
    with scope(org_id):
        form = ImportForm(
            request.POST if is_sent else None,
            request.FILES if is_sent else None,
            org_id=org_id,
            initial={"agent": parse_uuid(request.GET.get("agent_id", ""))},
        )
        run = _received(request, form) if form.is_valid() else None
        if run is None:
            return page(request, "imports/new.html", {"form": form}, partial="form", status=422 if is_sent else 200)
    return SeeOther(reverse("memories:import", args=[run.pk]))


@require_safe
@operator_page()
def detail(request: PlacedRequest, run_id: UUID) -> HttpResponse:
    """One import: how far it is, and what came of each record. Polled while a worker is at it."""
    run = _run_or_404(request, run_id)
    filters = ImportItemFilter(request.GET, queryset=ImportItem.objects.of(run.org_id).filter(run=run))
    has_undoing = run.undo_line is not None
    table = ImportItemTable(kept(filters), is_undone=has_undoing)
    context = {
        "run": run,
        "status": status_badge(run),
        "is_working": run.status in runs.AT_WORK,
        "address": f"{request.path}?{request.GET.urlencode()}" if request.GET else request.path,
        "tally": tally(run),
        "results": ImportResult.choices,
        "is_filtered": is_filtered(filters),
        "table": table,
        "pages": listed(table, request),
        "actions": _actions(run) if request.place.may(Role.OPERATOR) else frozenset(),
    }
    return page(request, "imports/detail.html", context, partial="results")


@require_POST
@operator_page(Role.OPERATOR)
def start(request: PlacedRequest, run_id: UUID) -> HttpResponse:
    """Import the file of a dry run."""
    made: list[ImportRun] = []
    run = _run_or_404(request, run_id)
    actor = request.place.actor
    written(request, lambda: made.append(runs.start_in_earnest(run, actor=actor)), "The import is queued.")
    return SeeOther(reverse("memories:import", args=[made[0].pk if made else run.pk]))


@require_POST
@operator_page(Role.OPERATOR)
def cancel(request: PlacedRequest, run_id: UUID) -> HttpResponse:
    """Stop it."""
    return _decided(request, run_id, runs.cancel, "Cancelled. What was written stays until you undo it.")


@require_POST
@operator_page(Role.OPERATOR)
def resume(request: PlacedRequest, run_id: UUID) -> HttpResponse:
    """Let it go on."""
    return _decided(request, run_id, runs.resume, "The import goes on from where it stopped.")


@require_POST
@operator_page(Role.OPERATOR)
def undo(request: PlacedRequest, run_id: UUID) -> HttpResponse:
    """Take it back."""
    return _decided(request, run_id, runs.undo, "What the import did is being taken back.")


def _decided(request: PlacedRequest, run_id: UUID, act: Callable[..., ImportRun], done: str) -> HttpResponse:
    run = _run_or_404(request, run_id)
    written(request, lambda: act(run, actor=request.place.actor), done)
    return SeeOther(reverse("memories:import", args=[run.pk]))


def _run_or_404(request: PlacedRequest, run_id: UUID) -> ImportRun:
    rows = ImportRun.objects.of(request.place.organization.pk).select_related("agent")
    run = rows.filter(pk=run_id).first()
    if run is None:
        raise Http404
    return run


def _received(request: PlacedRequest, form: ImportForm) -> ImportRun | None:
    typed = form.cleaned_data
    wanted = Wanted(
        org_id=request.place.organization.pk,
        agent_id=typed["agent"].pk,
        kind=ImportKind(typed["kind"]),
        end_user=typed["end_user"],
        file_name=typed["file"].name,
        is_dry_run=typed["is_dry_run"],
        actor=request.place.actor,
    )
    try:
        run = receive(wanted, typed["file"])
    except IbexError as error:
        refuse(form, error)
        return None
    messages.success(request, "The dry run is queued." if run.is_dry_run else "The import is queued.")
    return run


def _actions(run: ImportRun) -> frozenset[str]:
    """What may be done about it now, besides looking."""
    may = {
        "start": run.is_dry_run and run.status == ImportStatus.SUCCEEDED,
        "cancel": run.status in runs.CANCELLABLE,
        "resume": runs.stands_still(run) or (run.status in runs.STOPPED and run.undo_line is None),
        "undo": not run.is_dry_run and run.status in runs.UNDOABLE and run.done > 0,
    }
    return frozenset(name for name, is_so in may.items() if is_so)
