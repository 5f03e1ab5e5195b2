"""The REST resources of agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.urls import URLPattern
    from rest_framework.routers import BaseRouter


def register(router: BaseRouter) -> None:
    """Put this app's resources under the API's root. Imported here: the framework loads `authentication` from this
    package before it can load a view.
    """
    from agents.api import openapi  # noqa: F401 - described once the API is routed
    from agents.api.agents import AgentViewSet
    from agents.api.providers import ProviderViewSet
    from agents.api.sessions import SessionViewSet
    from agents.api.tokens import TokenViewSet

    router.register("agents", AgentViewSet, basename="agent")
    router.register("tokens", TokenViewSet, basename="token")
    router.register("providers", ProviderViewSet, basename="provider")
    router.register("sessions", SessionViewSet, basename="session")


def singletons() -> list[URLPattern]:
    """Addresses of what there is only one of, which a router does not know."""
    from django.urls import path

    from agents.api.organization import OrganizationViewSet

    organization = OrganizationViewSet.as_view({"get": "retrieve", "patch": "partial_update"})
    return [path("organization", organization, name="organization")]
