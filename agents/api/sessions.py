"""/api/v1/sessions"""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.serializers import CheckpointSerializer, SessionSerializer
from agents.choices import Scope
from agents.filters import SessionFilter
from agents.models import Session
from agents.selectors import checkpoints_of
from agents.services import sessions
from ibex.core.rest import OrgViewSet


@extend_schema_view(
    list=extend_schema(summary="List sessions"),
    retrieve=extend_schema(summary="One session"),
)
class SessionViewSet(OrgViewSet, ListModelMixin, RetrieveModelMixin):
    """Conversations, the one that spoke last first."""

    queryset = Session.objects.all()
    serializer_class = SessionSerializer
    filterset_class = SessionFilter
    ordering = ("-last_turn_at", "-id")
    agent_column = "agent_id"
    scopes = {
        "list": Scope.SESSION_READ,
        "retrieve": Scope.SESSION_READ,
        "checkpoints": Scope.SESSION_READ,
        "complete": Scope.SESSION_TERMINATE,
    }

    @extend_schema(summary="List a session's turns", responses=CheckpointSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def checkpoints(self, request: Request, pk: str) -> Response:
        """In the order in which they were spoken."""
        session = cast("Session", self.get_object())
        return self.paged(checkpoints_of(session), CheckpointSerializer, ("number",))

    @extend_schema(summary="Complete a session", request=None, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Say that the conversation is over. One that has ended already stays as it is; a later turn of it makes it
        active again.
        """
        session = cast("Session", self.get_object())
        return self.represent(sessions.complete(session, actor=self.caller.actor))
