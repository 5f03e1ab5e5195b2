"""The REST resources of context."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rest_framework.routers import BaseRouter


def register(router: BaseRouter) -> None:
    """Put this app's resources under the API's root."""
    from context.api.feedback import FeedbackViewSet

    router.register("feedback", FeedbackViewSet, basename="feedback")
