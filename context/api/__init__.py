"""The REST resources of context."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.urls import URLPattern
    from rest_framework.routers import BaseRouter


def register(router: BaseRouter) -> None:
    """Put this app's resources under the API's root."""
    from context.api.feedback import FeedbackViewSet
    from context.api.traces import TraceViewSet

    router.register("feedback", FeedbackViewSet, basename="feedback")
    router.register("traces", TraceViewSet, basename="trace")


def singletons() -> list[URLPattern]:
    """Addresses of what there is only one of, which a router does not know."""
    from django.urls import path

    from context.api.wording import WordingViewSet

    return [path("wording", WordingViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="wording")]
