"""/api/v1/organization"""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.limits import INTEGER_MAX, LimitFields
from agents.api.permissions import any_of
from agents.api.privacy import PiiPolicyField
from agents.choices import Scope
from agents.limits import LIMIT_FIELDS
from agents.models import Organization
from agents.models.retention import RETENTION_FIELDS
from agents.services import organizations
from agents.services.privacy import change_pii_policy
from ibex.core.errors import PermissionDenied
from ibex.core.rest import OrgViewSet


class OrganizationSerializer(LimitFields, serializers.ModelSerializer):
    """The organization: what all its agents together may use, how long it keeps what was said, and what becomes of
    personal data.
    """

    requests_per_minute = serializers.IntegerField(
        min_value=1, max_value=INTEGER_MAX, required=False, help_text="Calls, all agents together."
    )

    pii_policy = PiiPolicyField(required=False)

    class Meta:
        model = Organization
        fields = ["id", "name", "slug", "status", *LIMIT_FIELDS, *RETENTION_FIELDS, "pii_policy", "created_at"]
        read_only_fields = ["slug", "status"]


class OrganizationViewSet(OrgViewSet):
    """The caller's own organization: the only one there is for them."""

    queryset = Organization.objects.all()
    serializer_class = OrganizationSerializer
    pagination_class = None
    scopes = {"retrieve": any_of(Scope.AGENT_READ, Scope.ORG_ADMIN), "partial_update": Scope.ORG_ADMIN}

    @extend_schema(summary="Your organization")
    def retrieve(self, request: Request) -> Response:
        """Its name, its limits, its retention, and its choices about personal data."""
        return self.represent(self._organization())

    @extend_schema(summary="Change your organization")
    def partial_update(self, request: Request) -> Response:
        """Its name, its limits, its retention, its choices about personal data; every process knows of them within a
        second. What a shorter retention leaves out is removed within a day, for good.
        """
        if self.caller.agent_id is not None:
            raise PermissionDenied("This token is bound to one agent and cannot change the organization.")
        changes = self.validated(partial=True)
        pii_policy = changes.pop("pii_policy", {})
        organization = organizations.update(self._organization(), actor=self.caller.actor, **changes)
        return self.represent(change_pii_policy(organization, pii_policy, actor=self.caller.actor))

    def _organization(self) -> Organization:
        return Organization.objects.get(pk=self.org_id)
