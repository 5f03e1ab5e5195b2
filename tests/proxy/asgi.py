"""Calls of the proxy's addresses inside the test's own event loop: no server between, everything behind it real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

import orjson
from django.db import connections

from ibex.routing import http_router


async def _no_page(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("this address is Django's")


PROXY = http_router(_no_page)


T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """The ORM, for a test that runs in an event loop."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


@dataclass(frozen=True, kw_only=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]


async def call(method: str, path: str, body: Any = None, **headers: str) -> Answered:
    """`call("POST", "/v1/feedback", {...}, authorization=...)`: underscores in names of headers are hyphens."""
    raw = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    if body is not None:
        named.setdefault("content-type", "application/json")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path.partition("?")[0]),
        "query_string": path.partition("?")[2].encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("192.0.2.7", 4711),
    }
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await PROXY(scope, receive, send)
    begun, *parts = sent
    return Answered(
        status=begun["status"],
        headers={name.decode(): value.decode() for name, value in begun["headers"]},
        body=b"".join(part.get("body", b"") for part in parts),
    )
