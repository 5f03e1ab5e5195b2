"""What people decide about memories: review, and which of several speaks for all of them."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import Scope
from ibex.core.errors import FieldCode
from memories import store
from memories.api.base import MemoryResource
from memories.api.resource import as_draft_has_them, refused
from memories.api.serializers import (
    MemorySerializer,
    MergeSerializer,
    OutcomeSerializer,
    ReasonSerializer,
    WrittenMemorySerializer,
)
from memories.models import Memory
from memories.refinement.approval import approve_edited
from memories.store.review import keep_both

DECISION_SCOPES = {
    "approve": Scope.MEMORY_WRITE,
    "edit_and_approve": Scope.MEMORY_WRITE,
    "keep_both": Scope.MEMORY_WRITE,
    "reject": Scope.MEMORY_WRITE,
    "merge": Scope.MEMORY_WRITE,
    "unmerge": Scope.MEMORY_WRITE,
}


class DecisionActions(MemoryResource):
    """Every decision on a memory that does not wait any more is answered 409."""

    @extend_schema(summary="Approve a waiting memory", request=None, responses=MemorySerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Let it into prompts; what it clashes with is superseded. 409 when it does not wait."""
        memory = cast("Memory", self.get_object())
        store.approve(memory, actor=self.caller.actor)
        return self.represent(memory)

    @extend_schema(
        summary="Edit and approve a waiting memory", request=WrittenMemorySerializer, responses=OutcomeSerializer
    )
    @action(detail=True, methods=["post"], url_path="edit-and-approve")
    def edit_and_approve(self, request: Request, pk: str) -> Response:
        """Any of its fields. `created`: it is in use. `duplicate_of`: another one says this already, nothing was
        changed. `pending_review`: its new words clash with a memory that it was not compared with. 409 when it does not
        wait.
        """
        memory_id = self.seen(pk)
        fields = as_draft_has_them(self.body(WrittenMemorySerializer, partial=True))
        return self.outcome(approve_edited(self.org_id, memory_id, actor=self.caller.actor, **fields))

    @extend_schema(summary="Keep a waiting memory and what it clashes with", request=None, responses=MemorySerializer)
    @action(detail=True, methods=["post"], url_path="keep-both")
    def keep_both(self, request: Request, pk: str) -> Response:
        """Let it into prompts beside what it was compared with: both are true. 409 when it does not wait."""
        memory = cast("Memory", self.get_object())
        keep_both(memory, actor=self.caller.actor)
        return self.represent(memory)

    @extend_schema(summary="Reject a waiting memory", request=ReasonSerializer, responses=MemorySerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Archive it; it is not learned again. 409 when it does not wait."""
        memory = cast("Memory", self.get_object())
        store.reject(memory, actor=self.caller.actor, reason=self.body(ReasonSerializer)["reason"])
        return self.represent(memory)

    @extend_schema(summary="Merge another memory into this one", request=MergeSerializer, responses=MemorySerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """This one speaks for both from now on, and the proofs of both add up. 409 when they cannot be one."""
        keep = cast("Memory", self.get_object())
        gone = self.get_queryset().filter(pk=self.body(MergeSerializer)["gone"]).first()
        if gone is None:
            raise refused("gone", FieldCode.INVALID_FORMAT, "There is no such memory.")
        store.merge(keep, gone, actor=self.caller.actor)
        return self.represent(keep)

    @extend_schema(summary="Undo a merge", request=None, responses=MemorySerializer)
    @action(detail=True, methods=["post"])
    def unmerge(self, request: Request, pk: str) -> Response:
        """What was merged away is a memory of its own again, with its proofs. 409 when it is not merged."""
        memory = cast("Memory", self.get_object())
        store.unmerge(memory, actor=self.caller.actor)
        return self.represent(memory)
