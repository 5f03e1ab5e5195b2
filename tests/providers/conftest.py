"""A provider of our own on 127.0.0.1: the double at the seam, driven by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from pydantic import SecretStr

from ibex.providers.base import Upstream
from ibex.providers.client import close_client

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


async def _ok(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"ok": True})


@dataclass
class ProviderDouble:
    """Answers every call with `answer` and remembers what it saw; `caller_left` is set when a caller hangs up on it."""

    answer: Answer = _ok
    seen: list[Seen] = field(default_factory=list)
    caller_left: asyncio.Event = field(default_factory=asyncio.Event)
    origin: str = ""

    @property
    def upstream(self) -> Upstream:
        return Upstream(
            id="1", name="double", kind="openai", base_url=f"{self.origin}/v1", api_key=SecretStr("sk-of-the-operator")
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        port = request.transport.get_extra_info("peername")[1]
        self.seen.append(Seen(request.method, request.path_qs, headers, await request.read(), port))
        try:
            return await self.answer(request)
        except asyncio.CancelledError:
            self.caller_left.set()
            raise

    def streams(self, pieces: list[bytes], headers: dict[str, str] | None = None) -> None:
        """Answer with these pieces, each written on its own."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers=headers or {"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for piece in pieces:
                await response.write(piece)
                await asyncio.sleep(0)
            await response.write_eof()
            return response

        self.answer = answer


@pytest.fixture
async def double() -> AsyncIterator[ProviderDouble]:
    provider = ProviderDouble()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", provider.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    provider.origin = f"http://127.0.0.1:{port}"
    yield provider
    await close_client()
    await runner.cleanup()
