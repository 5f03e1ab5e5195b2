"""The ASGI application: the proxy's consumers and Django, behind one router."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ibex.settings")
django_application = get_asgi_application()

from ibex.routing import http_router  # noqa: E402 - needs Django's apps to be loaded


async def pages(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    """Django. Its addresses are loaded with the first page, in a thread: they bring the admin and the REST framework,
    which the proxy's calls neither need nor should wait for.
    """
    resolver = get_resolver()
    if "url_patterns" not in vars(resolver):
        await asyncio.to_thread(getattr, resolver, "url_patterns")
    await django_application(scope, receive, send)


async def no_websocket(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
) -> None:
    """Nothing here speaks WebSocket: the handshake is refused (403)."""
    await receive()
    await send({"type": "websocket.close"})


application = ProtocolTypeRouter({"http": http_router(pages), "websocket": no_websocket})
