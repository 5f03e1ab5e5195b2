"""A page may load what this server itself serves, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
LENIENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
LENIENT_PATHS = ("/admin/", "/api/docs")
"""The admin's theme and the API browser bring inline scripts of their own."""


@sync_and_async_middleware
def content_security(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Write the Content-Security-Policy header."""

    def guard(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        lenient = request.path.startswith(LENIENT_PATHS)
        response.headers.setdefault("Content-Security-Policy", LENIENT_POLICY if lenient else POLICY)
        return response

    if iscoroutinefunction(get_response):
        respond: Callable[[HttpRequest], Awaitable[HttpResponse]] = get_response

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            return guard(request, await respond(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        return guard(request, get_response(request))

    return synchronous
