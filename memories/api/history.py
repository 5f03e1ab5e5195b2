"""A memory's origin, versions, edges and tags, under its own address."""

from __future__ import annotations

from typing import cast

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import Scope
from ibex.core.errors import NotFound
from ibex.core.ids import parse_uuid
from ibex.core.tenancy import scope
from memories import store
from memories.api.base import MemoryResource
from memories.api.origin import LineageSerializer, ProvenanceSerializer, UseSerializer
from memories.api.serializers import (
    MemorySerializer,
    OutcomeSerializer,
    RelationshipSerializer,
    TagsSerializer,
    VersionSerializer,
)
from memories.models import Memory, Relationship
from memories.refinement.revision import restore
from memories.selectors import lineage, provenance, uses, versions_of

VERSION_DIGITS_MAX = 9
HISTORY_SCOPES = {
    "versions": Scope.MEMORY_READ,
    "relationships": Scope.MEMORY_READ,
    "restore": Scope.MEMORY_WRITE,
    "tags": Scope.MEMORY_WRITE,
    "provenance": Scope.MEMORY_READ,
    "lineage": Scope.MEMORY_READ,
    "uses": Scope.MEMORY_READ,
}


class HistoryActions(MemoryResource):
    """What has become of one memory, and where it comes from."""

    @extend_schema(summary="Where a memory comes from", responses=ProvenanceSerializer)
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def provenance(self, request: Request, pk: str) -> Response:
        """Session, turn, quoted evidence, what extracted it, and what was done to it since, the newest first."""
        memory_id = parse_uuid(pk)
        found = provenance(self.get_queryset(), memory_id) if memory_id else None
        if found is None:
            raise NotFound
        return Response(ProvenanceSerializer(found).data)

    @extend_schema(summary="What a memory replaced, and what replaced it", responses=LineageSerializer)
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def lineage(self, request: Request, pk: str) -> Response:
        """Memories that gave way or were merged, followed to both ends, and the memory's own earlier texts."""
        return Response(LineageSerializer(lineage(cast("Memory", self.get_object()))).data)

    @extend_schema(summary="Where a memory was used", responses=UseSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def uses(self, request: Request, pk: str) -> Response:
        """Each prompt that it was put into, the newest first. What it was left out of is in those calls' receipts; only
        rows of before receipts were kept in one piece say so here (`is_packed` is false).
        """
        return self.paged(uses(cast("Memory", self.get_object())), UseSerializer, ("-created_at", "-id"))

    @extend_schema(summary="List a memory's versions", responses=VersionSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """The newest first, also of a deleted memory."""
        memory = self._even_deleted(pk)
        return self.paged(versions_of(memory), VersionSerializer, ("-number",))

    @extend_schema(summary="Restore a version", request=None, responses=OutcomeSerializer)
    @action(detail=True, methods=["post"], url_path=rf"versions/(?P<number>[0-9]{{1,{VERSION_DIGITS_MAX}}})/restore")
    def restore(self, request: Request, pk: str, number: str) -> Response:
        """As a new version. Also undoes a deletion."""
        with scope(self.org_id):
            memory = self._even_deleted(pk)
        return self.outcome(restore(self.org_id, memory.pk, int(number), actor=self.caller.actor))

    @extend_schema(summary="List a memory's relationships", responses=RelationshipSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def relationships(self, request: Request, pk: str) -> Response:
        """Edges to and from it, the newest first."""
        memory = self.get_object()
        edges = Relationship.objects.of(self.org_id).filter(Q(source=memory) | Q(target=memory))
        return self.paged(edges, RelationshipSerializer, ("-id",))

    @extend_schema(summary="Replace a memory's tags", request=TagsSerializer, responses=MemorySerializer)
    @action(detail=True, methods=["put"])
    def tags(self, request: Request, pk: str) -> Response:
        """All of them at once."""
        memory = cast("Memory", self.get_object())
        store.set_tags(memory, self.body(TagsSerializer)["tags"], actor=self.caller.actor)
        return self.represent(memory)

    def _even_deleted(self, pk: str) -> Memory:
        memory_id = parse_uuid(pk)
        found = self.visible(Memory.objects.all()).filter(pk=memory_id).first() if memory_id else None
        if found is None:
            raise NotFound
        return cast("Memory", found)
