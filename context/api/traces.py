"""/api/v1/traces: what is known of each call, and what its prompt was given, and why."""

from __future__ import annotations

from typing import cast

from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import Scope
from agents.filters import TraceFilter
from agents.models import Trace
from context.api.trace_serializers import ReceiptSerializer, TraceSerializer
from context.selectors import assemblies_of_turns, injections_of_turns
from ibex.core.errors import NotFound
from ibex.core.ids import parse_uuid
from ibex.core.rest import OrgViewSet


@extend_schema_view(
    list=extend_schema(summary="List traces"),
    retrieve=extend_schema(summary="One trace"),
)
class TraceViewSet(OrgViewSet, ListModelMixin, RetrieveModelMixin):
    """Calls through the proxy, the latest first; never what was said in them. An id is the trace's own, or the call's
    X-Request-ID: of several calls with one request id the latest is meant.
    """

    queryset = Trace.objects.all()
    serializer_class = TraceSerializer
    filterset_class = TraceFilter
    ordering = ("-started_at", "-id")
    agent_column = "agent_id"
    scopes = {"list": Scope.TRACE_READ, "retrieve": Scope.TRACE_READ, "injections": Scope.TRACE_READ}

    def get_object(self) -> Trace:
        """The call that the address names. Raises NotFound."""
        named = parse_uuid(self.kwargs["pk"])
        mine = self.get_queryset()
        found = mine.filter(Q(pk=named) | Q(request_id=str(named))).order_by("-started_at").first() if named else None
        if found is None:
            raise NotFound
        return cast("Trace", found)

    @extend_schema(summary="What a call was given, and why", responses=ReceiptSerializer)
    @action(detail=True, methods=["get"])
    def injections(self, request: Request, pk: str) -> Response:
        """The receipt: every memory that was considered, best first, those that were packed and the best of those left
        out; what there was room for, what was late, and where the time went.
        """
        trace = self.get_object()
        turn_ids = [trace.turn_id]
        receipt = {
            "trace": trace,
            "assembly": assemblies_of_turns(self.org_id, turn_ids).get(trace.turn_id),
            "candidates": injections_of_turns(self.org_id, turn_ids).get(trace.turn_id, []),
        }
        return Response(ReceiptSerializer(receipt).data)
