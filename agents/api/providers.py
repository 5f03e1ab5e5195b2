"""/api/v1/providers"""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import Scope
from agents.filters import ProviderFilter
from agents.models import Organization, ProviderConnection
from agents.services import providers
from agents.services.prices import SIDES
from ibex.core.errors import PermissionDenied
from ibex.core.rest import OrgViewSet
from ibex.core.tenancy import scope

CARRIED_OVER = ("name", "kind", "model_patterns", "priority", "is_active")
"""Fields that a PATCH may leave out and the service asks for."""


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {side: {"type": "string", "format": "decimal"} for side in SIDES},
            "required": list(SIDES),
        },
        "example": {"gpt-4o*": {"prompt": "2.5", "completion": "10"}},
    }
)
class ModelPrices(serializers.JSONField):
    """Prices by model; the service checks them."""


class ProviderSerializer(serializers.ModelSerializer):
    """An account at a model provider."""

    base_url = serializers.CharField(
        max_length=providers.BASE_URL_MAX,
        required=False,
        allow_blank=True,
        help_text="With the version, as in https://api.openai.com/v1. Empty: the provider's own. The sandbox has none.",
    )
    key = serializers.CharField(
        max_length=providers.KEY_MAX,
        write_only=True,
        required=False,
        allow_blank=True,
        help_text="Never shown again. Left out: the stored key stays, unless the address changes. Empty: removed.",
    )
    has_key = serializers.SerializerMethodField()
    model_patterns = serializers.ListField(
        child=serializers.CharField(max_length=providers.PATTERN_MAX),
        max_length=providers.PATTERNS_MAX,
        allow_empty=False,
        required=False,
        help_text="Names of the models it serves; `*` stands for any part. Default: every model.",
    )
    prices = ModelPrices(
        required=False,
        help_text="US dollars for a million tokens, by a model's name; `*` stands for any part. An exact name goes "
        "before a pattern, and both before the list prices. Default: list prices.",
    )
    priority = serializers.IntegerField(
        min_value=0, max_value=providers.PRIORITY_MAX, required=False, help_text="Lower is asked first. Default: 100."
    )

    class Meta:
        model = ProviderConnection
        fields = [
            "id", "name", "kind", "base_url", "key", "has_key", "model_patterns", "priority", "prices", "is_active",
            "created_at",
        ]  # fmt: skip
        extra_kwargs = {"kind": {"required": True}}

    def get_has_key(self, provider: ProviderConnection) -> bool:
        """Whether a key is stored."""
        return bool(provider.sealed_key)


class ProviderCheckSerializer(serializers.Serializer):
    """What happened when a provider was asked for its models."""

    is_ok = serializers.BooleanField()
    code = serializers.CharField(help_text="`OK`, or the failure's code.")
    message = serializers.CharField()
    model_count = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.FloatField()


@extend_schema_view(
    list=extend_schema(summary="List providers"),
    retrieve=extend_schema(summary="One provider"),
)
class ProviderViewSet(OrgViewSet, ListModelMixin, RetrieveModelMixin):
    """The organization's accounts at model providers, in the order in which they are asked; never their keys."""

    queryset = ProviderConnection.objects.all()
    serializer_class = ProviderSerializer
    filterset_class = ProviderFilter
    ordering = ("priority", "created_at", "id")
    unscoped_actions = frozenset({"test"})
    scopes = dict.fromkeys(("list", "retrieve", "create", "partial_update", "destroy", "test"), Scope.ORG_ADMIN)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Providers serve every agent: a token of one agent has no say in them."""
        super().initial(request, *args, **kwargs)
        if self.caller.agent_id is not None:
            raise PermissionDenied("This token is bound to one agent and cannot manage providers.")

    @extend_schema(summary="Create a provider", responses={201: ProviderSerializer})
    def create(self, request: Request) -> Response:
        """Calls reach it within seconds."""
        org = Organization.objects.get(pk=self.org_id)
        return self.represent(providers.save(org=org, actor=self.caller.actor, **self.validated()), status=201)

    @extend_schema(summary="Change a provider")
    def partial_update(self, request: Request, pk: str) -> Response:
        """What is left out stays. Another address needs the key again: a key is only sent where it was meant to go."""
        provider = self._provider()
        kept = {name: getattr(provider, name) for name in CARRIED_OVER}
        fields = kept | self.validated(partial=True)
        saved = providers.save(org=provider.org, actor=self.caller.actor, provider=provider, **fields)
        return self.represent(saved)

    @extend_schema(summary="Delete a provider", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Models that only it served are not found from then on."""
        providers.delete(self._provider(), actor=self.caller.actor)
        return Response(status=204)

    @extend_schema(summary="Test a provider", request=None, responses=ProviderCheckSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Asks it for its models, for 5 seconds at most. A provider that fails is an answer, not an error."""
        with scope(self.org_id):
            provider = self._provider()
        result = providers.check(provider, actor=self.caller.actor)
        return Response(ProviderCheckSerializer(result).data)

    def _provider(self) -> ProviderConnection:
        return cast("ProviderConnection", self.get_object())
