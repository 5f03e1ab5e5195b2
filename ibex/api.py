"""The REST API's addresses, relative to /api/: every app's resources, the OpenAPI document, its browsable pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from agents.api import register as register_agents
from agents.api import singletons
from context.api import register as register_context
from context.api import singletons as context_singletons
from context.api.effect import addresses as effect_addresses
from ibex.core.errors import IbexError, InvalidRequest, NotFound
from ibex.dashboard.api import singletons as dashboard_singletons
from memories.api import register as register_memories

router = SimpleRouter(trailing_slash=False)
for register in (register_agents, register_memories, register_context):
    register(router)


@csrf_exempt
def no_such_address(request: HttpRequest) -> JsonResponse:
    """Under /api/ even a wrong address is answered in the API's own form."""
    return _refused(request, NotFound())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django refuses before any view is asked, such as a Host header that is none."""
    if request.path.startswith("/api/"):
        return _refused(request, InvalidRequest("The request's headers are not valid."))
    return defaults.bad_request(request, exception)


def _refused(request: HttpRequest, error: IbexError) -> JsonResponse:
    return JsonResponse(error.envelope(getattr(request, "request_id", "")), status=error.status)


urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "v1/",
        include([*router.urls, *singletons(), *context_singletons(), *effect_addresses(), *dashboard_singletons()]),
    ),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"", no_such_address),
]
