"""Reads of memories, shared by pages and API. Inside `scope(org)`."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from memories.models import Memory, MemoryVersion, Relationship


def memories_of(org_id: UUID) -> QuerySet[Memory]:
    """Memories that were not deleted, the newest first, without what only search reads."""
    live = Memory.objects.of(org_id).filter(deleted_at__isnull=True)
    return live.select_related("agent").defer("embedding", "search_text").order_by("-created_at", "-pk")


def versions_of(memory: Memory) -> QuerySet[MemoryVersion]:
    """Every version, the newest first."""
    return MemoryVersion.objects.of(memory.org_id).filter(memory=memory).order_by("-number")


def replaced_by(memory: Memory) -> QuerySet[Relationship]:
    """Edges from newer memories: what took its place, or clashes with it."""
    return Relationship.objects.of(memory.org_id).filter(target=memory).select_related("source")


def replaces(memory: Memory) -> QuerySet[Relationship]:
    """Edges to older memories: what it took the place of, or clashes with."""
    return Relationship.objects.of(memory.org_id).filter(source=memory).select_related("target")
