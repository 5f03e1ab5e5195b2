"""/api/v1/agents"""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.directives import DIRECTIVE_SCOPES, DirectiveActions
from agents.api.serializers import AgentSerializer
from agents.choices import AgentStatus, Scope
from agents.filters import AgentFilter
from agents.models import Agent, Organization
from agents.services import agents
from ibex.core.errors import PermissionDenied


@extend_schema_view(
    list=extend_schema(summary="List agents"),
    retrieve=extend_schema(summary="One agent"),
)
class AgentViewSet(DirectiveActions, ListModelMixin, RetrieveModelMixin):
    """AI applications' identities inside the organization."""

    queryset = Agent.objects.select_related("directive", "directive__author")
    serializer_class = AgentSerializer
    filterset_class = AgentFilter
    agent_column = "pk"
    scopes = {
        "list": Scope.AGENT_READ,
        "retrieve": Scope.AGENT_READ,
        "create": Scope.AGENT_WRITE,
        "partial_update": Scope.AGENT_WRITE,
        "destroy": Scope.AGENT_WRITE,
        "activate": Scope.AGENT_WRITE,
        "pause": Scope.AGENT_WRITE,
        "archive": Scope.AGENT_WRITE,
        **DIRECTIVE_SCOPES,
    }

    @extend_schema(summary="Create an agent", responses={201: AgentSerializer})
    def create(self, request: Request) -> Response:
        """It answers calls at once. The slug is made from the name when you give none."""
        if self.caller.agent_id is not None:
            raise PermissionDenied("This token is bound to one agent and cannot create others.")
        org = Organization.objects.get(pk=self.org_id)
        agent = agents.create(org=org, actor=self.caller.actor, **self.validated())
        return self.represent(agent, status=201)

    @extend_schema(summary="Change an agent")
    def partial_update(self, request: Request, pk: str) -> Response:
        """Any of its settings; another slug is refused."""
        agent = self._agent()
        return self.represent(agents.update(agent, actor=self.caller.actor, **self.validated(partial=True)))

    @extend_schema(summary="Delete an agent", request=None, responses={200: AgentSerializer, 204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """204 when it is gone. One that has sessions is archived instead, and returned."""
        archived = agents.delete(self._agent(), actor=self.caller.actor)
        return Response(status=204) if archived is None else self.represent(archived)

    @extend_schema(summary="Activate an agent", request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """It answers calls again."""
        return self._set(AgentStatus.ACTIVE)

    @extend_schema(summary="Pause an agent", request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Its calls are refused until it is activated."""
        return self._set(AgentStatus.PAUSED)

    @extend_schema(summary="Archive an agent", request=None, responses=AgentSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """For good: an archived agent cannot be changed or activated."""
        return self._set(AgentStatus.ARCHIVED)

    def _set(self, status: AgentStatus) -> Response:
        agent = cast("Agent", self.get_object())
        return self.represent(agents.set_status(agent, status, actor=self.caller.actor))
