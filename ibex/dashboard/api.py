"""/api/v1/jobs"""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.permissions import any_of
from agents.choices import Scope
from agents.models import Organization
from agents.services import audit
from ibex.core import queue_state
from ibex.core.errors import NotFound, PermissionDenied, ServiceDegraded
from ibex.core.models import JobOutcome, JobRun
from ibex.core.queue_state import FailedTask
from ibex.core.redis import RedisError
from ibex.core.rest import OrgViewSet
from ibex.dashboard.extraction_api import addresses as extraction_addresses
from ibex.dashboard.jobs import JobLine, job_lines, queue_of
from ibex.dashboard.preview_api import addresses as preview_addresses
from proxy.dead_letters import replay_dead
from proxy.journal import STREAM


class LastRunSerializer(serializers.Serializer[Any]):
    """How the last run of a job went."""

    started_at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(JobOutcome.choices)
    seconds = serializers.FloatField()
    error = serializers.CharField(help_text="The type of the last error; empty without one.")


class JobSerializer(serializers.Serializer[Any]):
    """A job that runs by itself, for all organizations."""

    name = serializers.CharField(source="job.name")
    title = serializers.CharField(source="job.title")
    about = serializers.CharField(source="job.about")
    every_seconds = serializers.SerializerMethodField()
    next_run = serializers.DateTimeField(allow_null=True, help_text="Null: it is switched off.")
    last = LastRunSerializer(allow_null=True, help_text="Null: it never ran.")

    def get_every_seconds(self, line: JobLine) -> int:
        return int(line.job.every.total_seconds())


class DepthSerializer(serializers.Serializer[Any]):
    """Tasks of all organizations together."""

    waiting = serializers.IntegerField()
    taken = serializers.IntegerField(help_text="At work, or waiting to be tried again.")
    oldest = serializers.DateTimeField(allow_null=True, help_text="Since when the one waits that waits longest.")


class FailedTaskSerializer(serializers.Serializer[Any]):
    """A task of this organization that failed."""

    id = serializers.CharField()
    function = serializers.CharField()
    subject = serializers.CharField(help_text="The id of what it is about.")
    error = serializers.CharField()
    attempts = serializers.IntegerField()
    is_given_up = serializers.BooleanField()
    failed_at = serializers.DateTimeField()


class JobsSerializer(serializers.Serializer[Any]):
    """What IBEX does by itself, and what did not get done."""

    jobs = JobSerializer(many=True)
    queue = DepthSerializer()
    failed_tasks = FailedTaskSerializer(many=True)
    dead_turns = serializers.IntegerField(
        allow_null=True, help_text="Turns that could not be written; null while that cannot be asked."
    )


class ReplayedSerializer(serializers.Serializer[Any]):
    """How many turns went back to the journal."""

    turns = serializers.IntegerField()


class JobsViewSet(OrgViewSet):
    """Jobs are the installation's; failed tasks and dead turns are the caller's organization's."""

    queryset = JobRun.objects.all()
    serializer_class = JobsSerializer
    pagination_class = None
    filtered_actions = frozenset()
    scopes = {
        "retrieve": any_of(Scope.TRACE_READ, Scope.ORG_ADMIN),
        "retry": Scope.ORG_ADMIN,
        "replay": Scope.ORG_ADMIN,
    }

    @extend_schema(summary="Jobs, the queue, and what failed")
    def retrieve(self, request: Request) -> Response:
        """Every job with its last run and its next, how long the queue is, and this organization's failures."""
        self._refuse_bound()
        queue = queue_of(self.org_id)
        shown = {
            "jobs": job_lines(),
            "queue": queue.depth,
            "failed_tasks": queue.failed,
            "dead_turns": queue.dead_turns,
        }
        return self.represent(shown)

    @extend_schema(summary="Try a failed task again", request=None, responses={202: FailedTaskSerializer})
    def retry(self, request: Request, task_id: str) -> Response:
        """Queue a task anew that was given up. 404 for any other."""
        self._refuse_bound()
        task = self._failed_task(task_id)
        if not queue_state.retry(self.org_id, task_id):
            raise NotFound
        self._audit("task.retried", task=task_id)
        return Response(FailedTaskSerializer(task).data, status=202)

    @extend_schema(summary="Send dead turns back", request=None, responses={202: ReplayedSerializer})
    def replay(self, request: Request) -> Response:
        """Put the turns that could not be written back into the journal; those that still cannot come back here."""
        self._refuse_bound()
        try:
            turns = replay_dead(STREAM, self.org_id)
        except RedisError as error:
            raise ServiceDegraded("Redis does not answer right now. Nothing is lost; try again in a minute.") from error
        self._audit("turns.replayed", turns=turns)
        return Response({"turns": turns}, status=202)

    def _failed_task(self, task_id: str) -> FailedTask:
        found = [task for task in queue_state.failed_tasks(self.org_id) if task.id == task_id]
        if not found:
            raise NotFound
        return found[0]

    def _refuse_bound(self) -> None:
        if self.caller.agent_id is not None:
            raise PermissionDenied("This token is bound to one agent; jobs and failures are of the whole organization.")

    def _audit(self, action: str, **detail: Any) -> None:
        organization = Organization.objects.get(pk=self.org_id)
        audit.record_of_organization(organization, actor=self.caller.actor, action=action, **detail)


def singletons() -> list[URLPattern]:
    """Addresses of what there is only one of, which a router does not know."""
    return [
        path("jobs", JobsViewSet.as_view({"get": "retrieve"}), name="jobs"),
        *extraction_addresses(),
        *preview_addresses(),
        path("jobs/failed/<str:task_id>/retry", JobsViewSet.as_view({"post": "retry"}), name="job-retry"),
        path("jobs/dead-turns/replay", JobsViewSet.as_view({"post": "replay"}), name="job-replay"),
    ]
