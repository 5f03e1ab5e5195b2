"""/api/v1/tokens"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.permissions import any_of
from agents.api.serializers import NewTokenSerializer, TokenLimitsSerializer, TokenSerializer
from agents.choices import Scope
from agents.errors import NotGrantable
from agents.filters import TokenFilter
from agents.limits import LIMIT_FIELDS, Limits
from agents.models import Agent, Organization, Token
from agents.services import tokens
from ibex.core.caller import Caller
from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from ibex.core.rest import OrgViewSet

SEES_TOKENS = any_of(Scope.TOKEN_CREATE, Scope.TOKEN_REVOKE)


@extend_schema_view(
    list=extend_schema(summary="List tokens"),
    retrieve=extend_schema(summary="One token"),
)
class TokenViewSet(OrgViewSet, ListModelMixin, RetrieveModelMixin):
    """Personal access tokens of the organization; never their secrets."""

    queryset = Token.objects.all()
    serializer_class = TokenSerializer
    filterset_class = TokenFilter
    agent_column = "agent_id"
    scopes = {
        "list": SEES_TOKENS,
        "retrieve": SEES_TOKENS,
        "create": Scope.TOKEN_CREATE,
        "partial_update": Scope.TOKEN_CREATE,
        "destroy": Scope.TOKEN_REVOKE,
        "revoke": Scope.TOKEN_REVOKE,
    }

    @extend_schema(summary="Create a token", responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        """The answer holds the secret, this once. Nobody can give a token more than they may do themselves."""
        fields = self.validated()
        if not set(fields["scopes"]) <= self.caller.scopes:
            raise NotGrantable
        fields["agent"] = self._agent(fields.pop("agent_id", None))
        fields["expires_at"] = _expiry(self.caller, fields.get("expires_at"))
        fields["limits"] = Limits(**{name: fields.pop(name, None) for name in LIMIT_FIELDS})
        org = Organization.objects.get(pk=self.org_id)
        token, secret = tokens.create(org=org, created_by=self.caller.operator_id, actor=self.caller.actor, **fields)
        shown: dict[str, Any] = {**TokenSerializer(token).data, "secret": secret}
        return Response(shown, status=201)

    @extend_schema(summary="Change a token's limits", request=TokenLimitsSerializer, responses=TokenSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """What is left out stays; null removes a limit. Nothing else of a token can be changed."""
        token = cast("Token", self.get_object())
        limits = self.validated(partial=True)
        return self.represent(tokens.limit(token, actor=self.caller.actor, **limits))

    def get_serializer_class(self) -> Any:
        return TokenLimitsSerializer if self.action == "partial_update" else super().get_serializer_class()

    @extend_schema(summary="Revoke a token", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """It stops working everywhere within a second, for good."""
        tokens.revoke(cast("Token", self.get_object()), actor=self.caller.actor)
        return Response(status=204)

    @extend_schema(summary="Revoke a token and show it", request=None, responses=TokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """The same as DELETE, with the token in the answer."""
        return self.represent(tokens.revoke(cast("Token", self.get_object()), actor=self.caller.actor))

    def _agent(self, wanted: UUID | None) -> Agent | None:
        """The agent to bind to: a bound caller's own, whatever it asks for."""
        agent_id = wanted or self.caller.agent_id
        if agent_id is None:
            return None
        agent = Agent.objects.of(self.org_id).filter(pk=agent_id).first()
        if agent is None or self.caller.agent_id not in {None, agent_id}:
            problem = FieldError("agent_id", FieldCode.INVALID_ENUM, "There is no such agent here.")
            raise InvalidRequest(field_errors=[problem])
        return agent


def _expiry(caller: Caller, wanted: datetime | None) -> datetime | None:
    """No token outlives the one that made it."""
    if caller.expires_at is None:
        return wanted
    return min(wanted or caller.expires_at, caller.expires_at)
