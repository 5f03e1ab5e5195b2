"""/api/v1/jobs/extractions: sessions that could not be mined, and sending them back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.permissions import any_of
from agents.choices import Scope
from agents.models import Organization
from agents.services import audit
from ibex.core.errors import NotFound
from ibex.core.rest import OrgViewSet
from ibex.dashboard.extraction_filters import ExtractionFilter
from memories.mining import failures
from memories.models import Extraction


class ExtractionSerializer(serializers.ModelSerializer):
    """A session whose turns could not be mined: of what kind the failure was, and never what was said."""

    agent_id = serializers.UUIDField()
    session_id = serializers.UUIDField()

    class Meta:
        model = Extraction
        fields = ["session_id", "agent_id", "error", "failures", "failed_at", "next_try_at", "given_up_at"]
        extra_kwargs = {
            "next_try_at": {"help_text": "When it is tried again by itself; null: not at all, or it is at work."},
            "given_up_at": {"help_text": "When the last retry failed; null: it is still tried."},
        }


class SessionsQueuedSerializer(serializers.Serializer[Any]):
    """How many sessions are queued again."""

    sessions = serializers.IntegerField()


class ExtractionsViewSet(OrgViewSet):
    """Failures of the caller's organization; a token bound to one agent sees that agent's."""

    queryset = Extraction.objects.filter(failures__gt=0)
    serializer_class = ExtractionSerializer
    filterset_class = ExtractionFilter
    agent_column = "agent_id"
    scopes = {
        "list": any_of(Scope.TRACE_READ, Scope.ORG_ADMIN),
        "replay": Scope.ORG_ADMIN,
        "replay_all": Scope.ORG_ADMIN,
    }

    @extend_schema(summary="Sessions that could not be mined")
    def list(self, request: Request) -> Response:
        """What was given up and what will be tried again, the latest failure first."""
        rows = self.filter_queryset(self.get_queryset())
        return self.paged(rows, ExtractionSerializer, ("-failed_at", "-id"))

    @extend_schema(summary="Mine a session again", request=None, responses={202: SessionsQueuedSerializer})
    def replay(self, request: Request, session_id: UUID) -> Response:
        """Queue a session that was given up, with all its retries. 404 for any other."""
        mine = self.get_queryset().filter(session_id=session_id).exists()
        if not mine or not failures.replay(self.org_id, session_id):
            raise NotFound
        return self._queued(1, session=str(session_id))

    @extend_schema(
        operation_id="jobs_extractions_replay_all",
        summary="Mine all of them again",
        request=None,
        responses={202: SessionsQueuedSerializer},
    )
    def replay_all(self, request: Request) -> Response:
        """Queue every session that was given up, the oldest first, at most 1,000 in one call."""
        agent_id = self.caller.agent_id
        return self._queued(failures.replay_all(self.org_id, agent_id=agent_id))

    def _queued(self, sessions: int, **detail: Any) -> Response:
        organization = Organization.objects.get(pk=self.org_id)
        actor, action = self.caller.actor, "extraction.replayed"
        audit.record_of_organization(organization, actor=actor, action=action, sessions=sessions, **detail)
        return Response({"sessions": sessions}, status=202)


def addresses() -> list[URLPattern]:
    """What a router does not know."""
    view = ExtractionsViewSet.as_view
    return [
        path("jobs/extractions", view({"get": "list"}), name="extractions"),
        path("jobs/extractions/replay", view({"post": "replay_all"}), name="extractions-replay"),
        path("jobs/extractions/<uuid:session_id>/replay", view({"post": "replay"}), name="extraction-replay"),
    ]
