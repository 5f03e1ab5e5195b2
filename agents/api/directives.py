"""An agent's directive, under the agent's own address: /agents/{id}/directive…"""

from __future__ import annotations

import difflib
from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.serializers import (
    DiffSerializer,
    DirectiveSerializer,
    DirectiveVersionSerializer,
    NewDirectiveSerializer,
    RollbackSerializer,
)
from agents.choices import Scope
from agents.models import Agent, Directive
from agents.selectors import versions_of
from agents.services import directives
from ibex.core.errors import NotFound
from ibex.core.rest import OrgViewSet

VERSION_DIGITS_MAX = 9

DIRECTIVE_SCOPES = {
    "directive": Scope.DIRECTIVE_READ,
    "put_directive": Scope.DIRECTIVE_WRITE,
    "directive_versions": Scope.DIRECTIVE_READ,
    "directive_version": Scope.DIRECTIVE_READ,
    "directive_diff": Scope.DIRECTIVE_READ,
    "directive_rollback": Scope.DIRECTIVE_WRITE,
    "directive_deactivate": Scope.DIRECTIVE_WRITE,
}


class DiffQuery(serializers.Serializer):
    """Which two versions to compare."""

    from_version = serializers.IntegerField(min_value=1, max_value=10**VERSION_DIGITS_MAX)
    to_version = serializers.IntegerField(min_value=1, max_value=10**VERSION_DIGITS_MAX)


class DirectiveActions(OrgViewSet):
    """What can be done with the directive of one agent."""

    @extend_schema(summary="The directive in force", responses=DirectiveSerializer)
    @action(detail=True, methods=["get"], url_path="directive")
    def directive(self, request: Request, pk: str) -> Response:
        """404 when none is in force."""
        agent = self._agent()
        if agent.directive is None:
            raise NotFound("This agent has no active directive.")
        return self._shown(agent, agent.directive)

    @extend_schema(summary="Put a new version in force", request=NewDirectiveSerializer, responses=DirectiveSerializer)
    @directive.mapping.put
    def put_directive(self, request: Request, pk: str) -> Response:
        """Earlier versions stay; every proxy uses the new one within a second."""
        agent = self._agent()
        fields = _validated(NewDirectiveSerializer, request.data)
        directive = directives.save(agent, author=self._author_id(), actor=self.caller.actor, **fields)
        return self._shown(agent, directive, active=directive)

    @extend_schema(summary="List the versions", responses=DirectiveVersionSerializer(many=True))
    @action(detail=True, methods=["get"], url_path="directive/versions", filterset_class=None)
    def directive_versions(self, request: Request, pk: str) -> Response:
        """The newest first, without their texts."""
        agent = self._agent()
        self.active_id = agent.directive_id
        return self.paged(versions_of(agent), DirectiveVersionSerializer, ("-version",))

    @extend_schema(summary="One version", responses=DirectiveSerializer)
    @action(
        detail=True,
        methods=["get"],
        url_path=rf"directive/versions/(?P<version>[0-9]{{1,{VERSION_DIGITS_MAX}}})",
    )
    def directive_version(self, request: Request, pk: str, version: str) -> Response:
        """With its text."""
        agent = self._agent()
        return self._shown(agent, _version(agent, int(version)))

    @extend_schema(summary="Compare two versions", parameters=[DiffQuery], responses=DiffSerializer)
    @action(detail=True, methods=["get"], url_path="directive/diff")
    def directive_diff(self, request: Request, pk: str) -> Response:
        """What was added and removed on the way from one version to the other."""
        agent = self._agent()
        wanted = _validated(DiffQuery, request.query_params)
        before, after = (_version(agent, wanted[name]) for name in ("from_version", "to_version"))
        return Response(DiffSerializer(_diff(before, after)).data)

    @extend_schema(summary="Go back to a version", request=RollbackSerializer, responses=DirectiveSerializer)
    @action(detail=True, methods=["post"], url_path="directive/rollback")
    def directive_rollback(self, request: Request, pk: str) -> Response:
        """Its text becomes a new version, and that one is in force."""
        agent = self._agent()
        version = _validated(RollbackSerializer, request.data)["version"]
        directive = directives.rollback(agent, version, author=self._author_id(), actor=self.caller.actor)
        return self._shown(agent, directive, active=directive)

    @extend_schema(summary="Put no directive in force", request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="directive/deactivate")
    def directive_deactivate(self, request: Request, pk: str) -> Response:
        """Its versions stay."""
        directives.deactivate(self._agent(), self.caller.actor)
        return Response(status=204)

    def get_serializer_context(self) -> dict[str, Any]:
        """Directives are shown with whether they are the one in force."""
        return {**super().get_serializer_context(), "active_id": getattr(self, "active_id", None)}

    def _agent(self) -> Agent:
        return cast("Agent", self.get_object())

    def _author_id(self) -> UUID | None:
        return self.caller.operator_id

    def _shown(self, agent: Agent, directive: Directive, active: Directive | None = None) -> Response:
        self.active_id = active.pk if active else agent.directive_id
        return Response(DirectiveSerializer(directive, context=self.get_serializer_context()).data)


def _validated(serializer_class: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _version(agent: Agent, number: int) -> Directive:
    directive = versions_of(agent).filter(version=number).first()
    if directive is None:
        raise NotFound("This directive has no such version.")
    return directive


def _diff(before: Directive, after: Directive) -> dict[str, Any]:
    names = (f"version {before.version}", f"version {after.version}")
    lines = list(difflib.unified_diff(before.content.splitlines(), after.content.splitlines(), *names, lineterm=""))
    changes = lines[2:]  # behind the two lines that name the versions
    return {
        "from_version": before.version,
        "to_version": after.version,
        "added": sum(line.startswith("+") for line in changes),
        "removed": sum(line.startswith("-") for line in changes),
        "diff": "\n".join(lines),
    }
