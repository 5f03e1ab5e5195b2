"""The REST API's addresses, relative to /api/: every app's resources, the OpenAPI document, its browsable pages."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from agents.api import register as register_agents
from context.api import register as register_context
from ibex.core.errors import NotFound
from memories.api import register as register_memories

router = SimpleRouter(trailing_slash=False)
for register in (register_agents, register_memories, register_context):
    register(router)


@csrf_exempt
def no_such_address(request: HttpRequest) -> JsonResponse:
    """Under /api/ even a wrong address is answered in the API's own form."""
    error = NotFound()
    return JsonResponse(error.envelope(getattr(request, "request_id", "")), status=error.status)


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"", no_such_address),
]
