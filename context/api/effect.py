"""/api/v1/agents/{id}/effect: what memories do."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.urls import URLPattern, path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import Scope
from agents.models import Agent
from context.effect import Finding, effect_as_json, effect_of
from context.figures import FIGURES
from context.period import DAYS_MAX, DEFAULT_DAYS, period_of
from ibex.core.errors import NotFound
from ibex.core.rest import OrgViewSet


class ComparedSerializer(serializers.Serializer[Any]):
    """How many sessions are compared, and why the others are not."""

    with_memories = serializers.IntegerField()
    held_out = serializers.IntegerField()
    degraded = serializers.IntegerField(
        help_text="Of those with memories: with a turn that got none because of time or an error."
    )
    left_out = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="By reason: no_holdout, running, unread, off, shadow, changed.",
    )
    is_cut = serializers.BooleanField(help_text="There are more; these are the latest.")


class FigureSerializer(serializers.Serializer[Any]):
    """One figure of both groups. The numbers are null where there are not enough sessions yet."""

    name = serializers.ChoiceField([figure.name for figure in FIGURES])
    unit = serializers.CharField(help_text="Empty: per session; %: of 100 turns, verdicts or calls; US$: per session.")
    finding = serializers.ChoiceField([finding.value for finding in Finding])
    is_better = serializers.BooleanField(allow_null=True, help_text="With memories; null: no difference, or no matter.")
    with_memories = serializers.FloatField(allow_null=True)
    held_out = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True, help_text="With memories minus held out.")
    low = serializers.FloatField(allow_null=True, help_text="Lower bound of its 95 % interval.")
    high = serializers.FloatField(allow_null=True)


class EffectSerializer(serializers.Serializer[Any]):
    """Sessions with memories against held-out ones."""

    since = serializers.DateField()
    until = serializers.DateField()
    sessions = ComparedSerializer()
    figures = FigureSerializer(many=True)


class EffectViewSet(OrgViewSet):
    """Of one agent. As it was up to a minute ago."""

    queryset = Agent.objects.all()
    serializer_class = EffectSerializer
    agent_column = "pk"
    pagination_class = None
    filtered_actions = frozenset()
    scopes = {"retrieve": Scope.TRACE_READ}

    @extend_schema(
        summary="What memories do",
        parameters=[
            OpenApiParameter("since", str, description=f"First day, in UTC; else {DEFAULT_DAYS} days in all."),
            OpenApiParameter("until", str, description=f"Last day; else today. At most {DAYS_MAX} days."),
        ],
    )
    def retrieve(self, request: Request, agent_id: UUID) -> Response:
        """Turns, corrections, tokens, cost, feedback and errors of sessions that began in the period, with memories and
        held out, and the 95 % interval of what lies between them.
        """
        agent = cast("Agent | None", self.get_queryset().filter(pk=agent_id).first())
        if agent is None:
            raise NotFound
        since, until = period_of(request.query_params.get("since", ""), request.query_params.get("until", ""))
        return Response(EffectSerializer(effect_as_json(effect_of(agent, since, until))).data)


def addresses() -> list[URLPattern]:
    """What a router does not know."""
    return [path("agents/<uuid:agent_id>/effect", EffectViewSet.as_view({"get": "retrieve"}), name="agent-effect")]
