"""/api/v1/sessions"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.serializers import ArchiveLinkSerializer, CheckpointSerializer, SessionSerializer
from agents.archives.links import link_to
from agents.archives.reading import with_words
from agents.choices import Scope
from agents.filters import SessionFilter
from agents.models import Session
from agents.selectors import checkpoints_of
from agents.services import sessions
from ibex.core.htmx import public_url
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
        "archive": Scope.SESSION_READ,
        "complete": Scope.SESSION_TERMINATE,
    }

    @extend_schema(summary="List a session's turns", responses=CheckpointSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def checkpoints(self, request: Request, pk: str) -> Response:
        """In the order in which they were spoken, wherever what was said is kept: `content` says where. It is empty
        where that is `away` (the archive cannot be read now) or `gone` (not kept any more).
        """
        session = cast("Session", self.get_object())
        return self.paged(checkpoints_of(session), CheckpointSerializer, ("number",), prepare=with_words)

    @extend_schema(summary="A link to a session's archive", responses=ArchiveLinkSerializer)
    @action(detail=True, methods=["get"], filterset_class=None)
    def archive(self, request: Request, pk: str) -> Response:
        """Where its file can be fetched for the next 15 minutes, without a token: by whoever has the address. 409 while
        it is not archived yet, 410 when its time was over.
        """
        session = cast("Session", self.get_object())
        link = link_to(session, actor=self.caller.actor)
        if link.url.startswith("/"):
            link = replace(link, url=f"{public_url(request)}{link.url}")
        return Response(ArchiveLinkSerializer(link).data)

    @extend_schema(summary="Complete a session", request=None, responses=SessionSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Say that the conversation is over. One that has ended already stays as it is; a later turn of it makes it
        active again.
        """
        session = cast("Session", self.get_object())
        return self.represent(sessions.complete(session, actor=self.caller.actor))
