"""Jobs: what IBEX does by itself, when it last did it, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.services import audit
from ibex.core import job_runs, queue_state, schedules
from ibex.core.errors import NotFound
from ibex.core.htmx import SeeOther, page
from ibex.core.jobs import Job, all_jobs
from ibex.core.listing import is_filtered, kept, listed
from ibex.core.models import JobOutcome
from ibex.core.redis import RedisError
from ibex.core.writes import written
from ibex.dashboard.extractions import extractions_of
from ibex.dashboard.filters import JobRunFilter
from ibex.dashboard.job_tables import JobRunTable, in_words
from ibex.dashboard.jobs import job_lines, may_steer, queue_of, runs_of
from proxy.dead_letters import replay_dead
from proxy.journal import STREAM


@require_safe
@operator_page()
def jobs(request: PlacedRequest) -> HttpResponse:
    """Every job with its last run, the queue, and what of this organization failed."""
    place = request.place
    steers = may_steer(place)
    context = {
        "lines": [
            {"line": line, "did": in_words(dict(line.last.counts)) if line.last and steers else ""}
            for line in job_lines()
        ],
        "queue": queue_of(place.organization.pk),
        "extractions": extractions_of(place.organization.pk),
        "may_steer": steers,
        "may_retry": place.may(Role.ADMIN),
    }
    return page(request, "jobs/list.html", context, partial="results")


@require_safe
@operator_page()
def job(request: PlacedRequest, name: str) -> HttpResponse:
    """The runs of one job."""
    shown = _job_or_404(name)
    filters = JobRunFilter(request.GET, queryset=runs_of(shown))
    table = JobRunTable(kept(filters), shows_counts=may_steer(request.place))
    context = {
        "job": shown,
        "table": table,
        "pages": listed(table, request),
        "is_filtered": is_filtered(filters),
        "outcomes": JobOutcome.choices,
    }
    return page(request, "jobs/runs.html", context, partial="results")


@require_POST
@operator_page()
def run(request: PlacedRequest, name: str) -> HttpResponse:
    """Queue a run of a job now."""
    shown = _steered(request, name)
    _do(request, "job.run", shown, partial(job_runs.enqueue_run, name), f"{shown.title}: a run is queued.")
    return SeeOther(reverse("dashboard:jobs"))


@require_POST
@operator_page()
def switch(request: PlacedRequest, name: str) -> HttpResponse:
    """Let a job run by itself, or not any more."""
    shown = _steered(request, name)
    is_on = {"true": True, "false": False}.get(request.POST.get("on", ""))
    if is_on is None:
        raise Http404
    action = "job.switched_on" if is_on else "job.switched_off"
    done = f"{shown.title} runs by itself again." if is_on else f"{shown.title} is switched off."
    _do(request, action, shown, partial(schedules.switch, name, on=is_on), done)
    return SeeOther(reverse("dashboard:jobs"))


@require_POST
@operator_page(Role.ADMIN)
def retry(request: PlacedRequest, task_id: str) -> HttpResponse:
    """Queue a task of this organization anew that was given up."""
    place = request.place

    def write() -> None:
        if not queue_state.retry(place.organization.pk, task_id):
            raise NotFound("This task is not among those that were given up any more.")
        audit.record_of_organization(place.organization, actor=place.actor, action="task.retried", task=task_id)

    written(request, write, "The task is queued again.")
    return SeeOther(reverse("dashboard:jobs"))


@require_POST
@operator_page(Role.ADMIN)
def replay(request: PlacedRequest) -> HttpResponse:
    """Send this organization's dead letters back to the journal."""
    place = request.place
    try:
        turns = replay_dead(STREAM, place.organization.pk)
    except RedisError:
        messages.error(request, "Redis does not answer. Nothing is lost: try again in a minute.")
        return SeeOther(reverse("dashboard:jobs"))
    audit.record_of_organization(place.organization, actor=place.actor, action="turns.replayed", turns=turns)
    messages.success(request, f"{turns:,} turns are in the journal again.")
    return SeeOther(reverse("dashboard:jobs"))


def _job_or_404(name: str) -> Job:
    shown = all_jobs().get(name)
    if shown is None:
        raise Http404
    return shown


def _steered(request: PlacedRequest, name: str) -> Job:
    if not may_steer(request.place):
        raise PermissionDenied
    return _job_or_404(name)


def _do(request: PlacedRequest, action: str, shown: Job, act: Callable[[], None], done: str) -> None:
    """Do it, and audit it where its operator stands: jobs belong to no organization."""
    place = request.place

    def write() -> None:
        act()
        audit.record_of_organization(place.organization, actor=place.actor, action=action, job=shown.name)

    written(request, write, done)
