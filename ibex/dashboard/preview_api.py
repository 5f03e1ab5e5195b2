"""/api/v1/context/preview: what a call of an application would be sent as, for those who look after its agent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from asgiref.sync import async_to_sync
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.authentication import agent_for, authenticate_now
from agents.choices import Scope
from agents.limits import Limits
from agents.models import Organization
from agents.principal import Principal
from context.models import AssemblyRecord
from ibex.core.caller import Caller
from ibex.core.errors import AgentNotAuthorized, FieldCode, FieldError, InvalidRequest
from ibex.core.rest import OrgViewSet
from ibex.core.tenancy import scope
from proxy.preview import Preview, preview
from proxy.preview_calls import DIALECTS
from proxy.switches import AGENT_HEADER, MEMORY_HEADER, SESSION_HEADER, USER_HEADER
from proxy.turn import Incoming, Turn

HEADER_MAX = 200
_HEADERS = {"end_user": USER_HEADER, "session_id": SESSION_HEADER, "memory": MEMORY_HEADER}


@extend_schema_field({"type": "object", "additionalProperties": True})
class CallField(serializers.JSONField):
    """The body of a call to a model."""


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
class MessagesField(serializers.JSONField):
    """Messages of a chat."""


class NewPreviewSerializer(serializers.Serializer[Any]):
    """Which call is meant: its body, and what its application would say in headers."""

    agent_id = serializers.CharField(max_length=HEADER_MAX, help_text="UUID or slug.")
    api = serializers.ChoiceField(choices=list(DIALECTS), default="chat", help_text="Whose form the body has.")
    request = CallField(help_text="The body of the call.")
    end_user = serializers.CharField(max_length=HEADER_MAX, required=False, help_text="As X-IBEX-User-ID.")
    session_id = serializers.CharField(max_length=HEADER_MAX, required=False, help_text="As X-IBEX-Session-ID.")
    memory = serializers.ChoiceField(["on", "off", "read", "write"], required=False, help_text="As X-IBEX-Memory.")


class PreviewSerializer(serializers.Serializer[Any]):
    """The messages that would be sent, and the receipt. `request`: the whole body, where the API is not chat."""

    messages = MessagesField()
    receipt = CallField()
    request = CallField(required=False)


class PreviewViewSet(OrgViewSet):
    """A dry run: no model is called, nothing is written, no session goes on."""

    queryset = AssemblyRecord.objects.all()
    serializer_class = NewPreviewSerializer
    pagination_class = None
    unscoped_actions = frozenset({"create"})
    scopes = {"create": (Scope.MEMORY_READ, Scope.DIRECTIVE_READ)}

    @extend_schema(summary="Preview the context of a call", responses=PreviewSerializer)
    def create(self, request: Request) -> Response:
        """The exact messages that the provider would be sent, with every memory that was considered, and why. The call
        counts against the same limits as a call to a model.
        """
        said = self.validated()
        headers = {header: said[name] for name, header in _HEADERS.items() if said.get(name)}
        incoming = Incoming(
            method="POST",
            path=request.path,
            headers=headers | {"content-type": "application/json", AGENT_HEADER: said["agent_id"]},
            body=orjson.dumps(said["request"]),
        )
        turn = Turn.begin(incoming, "context.preview")
        seen = async_to_sync(_preview)(turn, said["api"], _principal_of(request, self.caller))
        return Response(seen.shown, headers=seen.limits)


async def _preview(turn: Turn, api: str, principal: Principal) -> Preview:
    try:
        agent = await agent_for(principal, turn.incoming.headers[AGENT_HEADER])
    except AgentNotAuthorized:
        problem = FieldError("agent_id", FieldCode.INVALID_FORMAT, "There is no such agent.")
        raise InvalidRequest(field_errors=[problem]) from None
    return await preview(turn, DIALECTS[api], (principal, agent))


def _principal_of(request: Request, caller: Caller) -> Principal:
    """The caller as the request path knows one, with the limits of the organization and of a token."""
    if caller.operator_id is None:
        return authenticate_now(request.headers["Authorization"])
    with scope(caller.org_id):
        organization = Organization.objects.get(pk=caller.org_id)
    return Principal(
        token_id=UUID(int=0),
        org_id=caller.org_id,
        agent_id=caller.agent_id,
        scopes=caller.scopes,
        expires_at=caller.expires_at,
        org_active=True,
        org_limits=Limits.of(organization),
    )


def addresses() -> list[URLPattern]:
    """What a router does not know."""
    return [path("context/preview", PreviewViewSet.as_view({"post": "create"}), name="context-preview")]
