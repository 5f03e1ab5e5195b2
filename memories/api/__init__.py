"""The REST resources of memories."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rest_framework.routers import BaseRouter


def register(router: BaseRouter) -> None:
    """Put this app's resources under the API's root."""
    from memories.api.imports import ImportViewSet
    from memories.api.memories import MemoryViewSet

    router.register("memories", MemoryViewSet, basename="memory")
    router.register("imports", ImportViewSet, basename="import")
