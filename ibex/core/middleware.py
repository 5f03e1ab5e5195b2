"""Every answer carries the id of its request and the time it took (SPEC section 2)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from ibex.core.ids import parse_uuid, uuid7


def request_id_from(header: str) -> str:
    """The caller's own id when it is a valid UUID, else a new one."""
    return str(parse_uuid(header.strip()) or uuid7())


@sync_and_async_middleware
def request_identity(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Bind request and trace ids to the log context and write SPEC's three headers."""

    def begin(request: HttpRequest) -> tuple[str, str, float]:
        request_id = request_id_from(request.headers.get("X-Request-ID", ""))
        trace_id = uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        return request_id, trace_id, time.perf_counter()

    def finish(response: HttpResponse, identity: tuple[str, str, float]) -> HttpResponse:
        request_id, trace_id, started = identity
        response["X-Request-ID"] = request_id
        response["X-Trace-ID"] = trace_id
        response["X-Response-Time"] = f"{(time.perf_counter() - started) * 1000:.1f}ms"
        return response

    if iscoroutinefunction(get_response):
        respond: Callable[[HttpRequest], Awaitable[HttpResponse]] = get_response

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            identity = begin(request)
            return finish(await respond(request), identity)

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        identity = begin(request)
        return finish(get_response(request), identity)

    return synchronous
