"""The REST resources of context."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rest_framework.routers import BaseRouter


def register(router: BaseRouter) -> None:
    """Put this app's resources under the API's root."""
    from context.api.feedback import FeedbackViewSet
    from context.api.traces import TraceViewSet

    router.register("feedback", FeedbackViewSet, basename="feedback")
    router.register("traces", TraceViewSet, basename="trace")
