"""/api/v1/feedback"""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import Scope
from context.api.serializers import FeedbackSerializer, GivenSerializer, NewFeedbackSerializer
from context.feedback import Ballot, give
from context.filters import FeedbackFilter
from context.models import Feedback
from context.verdicts import given_as_json, read_verdict
from ibex.core.errors import NotFound
from ibex.core.rest import OrgViewSet

_BODY = NewFeedbackSerializer


@extend_schema_view(list=extend_schema(summary="List feedback"))
class FeedbackViewSet(OrgViewSet, ListModelMixin):
    """Verdicts on answers and memories, the newest first. Nothing is taken back: a changed mind is another verdict."""

    queryset = Feedback.objects.all()
    serializer_class = FeedbackSerializer
    filterset_class = FeedbackFilter
    agent_column = "agent_id"
    scopes = {"list": Scope.MEMORY_READ, "create": Scope.MEMORY_WRITE}

    @extend_schema(summary="Give feedback", request=_BODY, responses={200: GivenSerializer, 201: GivenSerializer})
    def create(self, request: Request) -> Response:
        """201 when it says something new; 200 when the same was said before, which moves nothing again. 404 for a
        request that is unknown, or whose turn is not in the database yet.
        """
        verdict = read_verdict(request.data)
        ballot = Ballot(org_id=self.org_id, actor=self.caller.actor, agent_id=self.caller.agent_id, **verdict)
        given = give(ballot)
        if given is None:
            raise NotFound("There is no request with this id, or its turn is still on its way to the database.")
        return Response(given_as_json(given), status=201 if given.is_new else 200)
