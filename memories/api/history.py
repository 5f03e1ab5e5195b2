"""A memory's versions, edges, tags and review, under its own address."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from agents.choices import Scope
from ibex.core.errors import NotFound
from ibex.core.ids import parse_uuid
from ibex.core.rest import OrgViewSet
from ibex.core.tenancy import scope
from memories import store
from memories.api.resource import told, validated
from memories.api.serializers import (
    MemorySerializer,
    OutcomeSerializer,
    ReasonSerializer,
    RelationshipSerializer,
    TagsSerializer,
    VersionSerializer,
)
from memories.models import Memory, Relationship
from memories.refinement.draft import Outcome
from memories.refinement.revision import restore
from memories.selectors import versions_of

VERSION_DIGITS_MAX = 9
HISTORY_SCOPES = {
    "versions": Scope.MEMORY_READ,
    "relationships": Scope.MEMORY_READ,
    "restore": Scope.MEMORY_WRITE,
    "tags": Scope.MEMORY_WRITE,
    "approve": Scope.MEMORY_WRITE,
    "reject": Scope.MEMORY_WRITE,
}


class HistoryActions(OrgViewSet):
    """What has become of one memory, and what people decide about it."""

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

    @extend_schema(summary="Approve a waiting memory", request=None, responses=MemorySerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Let it into prompts; what it clashes with is superseded. 409 when it does not wait."""
        memory = cast("Memory", self.get_object())
        store.approve(memory, actor=self.caller.actor)
        return self.represent(memory)

    @extend_schema(summary="Reject a waiting memory", request=ReasonSerializer, responses=MemorySerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Archive it; it is not learned again. 409 when it does not wait."""
        memory = cast("Memory", self.get_object())
        store.reject(memory, actor=self.caller.actor, reason=self.body(ReasonSerializer)["reason"])
        return self.represent(memory)

    def body(self, serializer_class: type[Serializer[Any]], **options: Any) -> dict[str, Any]:
        """The body's fields. Raises the framework's ValidationError."""
        return validated(serializer_class, self.request.data, **options)

    def outcome(self, outcome: Outcome) -> Response:
        """What refinement did, with the memory that stands for the text now."""
        return told(self.org_id, outcome, self.get_queryset())

    def seen(self, pk: str) -> UUID:
        """The id of a memory that the caller may see, for an action that opens its own transactions."""
        memory_id = parse_uuid(pk)
        with scope(self.org_id):
            if memory_id is None or not self.get_queryset().filter(pk=memory_id).exists():
                raise NotFound
        return memory_id

    def _even_deleted(self, pk: str) -> Memory:
        memory_id = parse_uuid(pk)
        found = self.visible(Memory.objects.all()).filter(pk=memory_id).first() if memory_id else None
        if found is None:
            raise NotFound
        return cast("Memory", found)
