"""/api/v1/memories"""

from __future__ import annotations

from typing import cast
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import AgentStatus, Scope
from agents.models import Agent
from ibex.core.errors import FieldCode, NotFound
from ibex.core.tenancy import scope
from memories import store
from memories.api.decisions import DECISION_SCOPES, DecisionActions
from memories.api.history import HISTORY_SCOPES, HistoryActions
from memories.api.resource import as_draft_has_them, asked, create, found, refused, told_of_new
from memories.api.serializers import (
    BulkDeleteSerializer,
    CountSerializer,
    FoundListSerializer,
    MemorySerializer,
    NewMemorySerializer,
    OutcomeSerializer,
    SearchSerializer,
    WrittenMemorySerializer,
)
from memories.filters import MemoryFilter
from memories.models import Memory
from memories.refinement.revision import revise
from memories.selectors import ONLY_FOR_SEARCH

_BODIES = {
    "create": NewMemorySerializer,
    "partial_update": WrittenMemorySerializer,
    "bulk_delete": BulkDeleteSerializer,
    "search": SearchSerializer,
}


@extend_schema_view(
    list=extend_schema(summary="List memories"),
    retrieve=extend_schema(summary="One memory"),
)
class MemoryViewSet(HistoryActions, DecisionActions, ListModelMixin, RetrieveModelMixin):
    """What agents know, the newest first. Every text that is written goes through all steps of refinement."""

    queryset = Memory.objects.filter(deleted_at__isnull=True).defer(*ONLY_FOR_SEARCH)
    serializer_class = MemorySerializer
    filterset_class = MemoryFilter
    agent_column = "agent_id"
    unscoped_actions = frozenset({"create", "partial_update", "search", "restore", "edit_and_approve"})
    scopes = {
        "list": Scope.MEMORY_READ,
        "retrieve": Scope.MEMORY_READ,
        "search": Scope.MEMORY_READ,
        "create": Scope.MEMORY_WRITE,
        "partial_update": Scope.MEMORY_WRITE,
        "destroy": Scope.MEMORY_DELETE,
        "bulk_delete": Scope.MEMORY_DELETE,
        **HISTORY_SCOPES,
        **DECISION_SCOPES,
    }

    @extend_schema(
        summary="Create a memory",
        request=NewMemorySerializer,
        responses={200: OutcomeSerializer, 201: OutcomeSerializer},
    )
    def create(self, request: Request) -> Response:
        """201 when it is a new memory, also one that waits in review; 200 when it was known: then `memory` is the known
        one, and `result` says `duplicate_of` or `merged_into`.
        """
        fields = as_draft_has_them(self.body(_BODIES["create"]))
        agent_id = self._agent_id(fields.pop("agent_id", None))
        outcome = create(self.org_id, agent_id, actor=self.caller.actor, fields=fields)
        return told_of_new(self.org_id, outcome, self.get_queryset())

    @extend_schema(summary="Change a memory", request=WrittenMemorySerializer, responses=OutcomeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Any of its fields. A text that another memory has already changes nothing: `result` is `duplicate_of`, and
        `memory` the other one.
        """
        memory_id = self.seen(pk)
        fields = as_draft_has_them(self.body(_BODIES["partial_update"], partial=True))
        return self.outcome(revise(self.org_id, memory_id, actor=self.caller.actor, **fields))

    @extend_schema(summary="Delete a memory", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """It leaves every list, search and prompt at once, and is not learned again from the same turns."""
        store.delete(cast("Memory", self.get_object()), actor=self.caller.actor)
        return Response(status=204)

    @extend_schema(summary="Delete many memories", request=BulkDeleteSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"], url_path="bulk-delete")
    def bulk_delete(self, request: Request) -> Response:
        """With `confirm: true`. Ids that are not there are passed over."""
        fields = self.body(_BODIES["bulk_delete"])
        if fields["confirm"] is not True:
            raise refused("confirm", FieldCode.REQUIRED, "Send true: this deletes every memory that is named.")
        rows = list(self.get_queryset().filter(pk__in=fields["ids"]).order_by("pk"))
        # All agents' locks at once and in order: two such deletions cannot wait for each other.
        store.one_writer_each((memory.org_id, memory.agent_id) for memory in rows)
        return Response({"deleted": store.delete_many(rows, actor=self.caller.actor)})

    @extend_schema(summary="Search by meaning", request=SearchSerializer, responses=FoundListSerializer)
    @action(detail=False, methods=["post"])
    def search(self, request: Request) -> Response:
        """By meaning and by words at once, the best first."""
        fields = self.body(_BODIES["search"])
        agent_id = self.caller.agent_id or fields.get("agent_id")
        if self.caller.agent_id is not None and fields.get("agent_id", agent_id) != agent_id:
            raise NotFound
        return found(asked(self.org_id, agent_id, fields), self.get_queryset())

    def _agent_id(self, named: UUID | None) -> UUID:
        """The agent that a new memory is for. One that the caller may not use is answered like one that never was."""
        bound = self.caller.agent_id
        agent_id = named or bound
        if agent_id is None:
            raise refused("agent_id", FieldCode.REQUIRED, "Say which agent is to know it.")
        with scope(self.org_id):
            usable = Agent.objects.of(self.org_id).filter(pk=agent_id).exclude(status=AgentStatus.ARCHIVED).exists()
        if not usable or (bound is not None and agent_id != bound):
            raise refused("agent_id", FieldCode.INVALID_FORMAT, "There is no such agent, or it is archived.")
        return agent_id
