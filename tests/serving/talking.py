"""A connection to a server of the test's own event loop, and applications that answer there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from ibex.serving.connection import Connection, Connections

GET = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
WAIT_S = 5.0

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


@asynccontextmanager
async def served(address: str, application: Any) -> AsyncIterator[Connections]:
    connections = Connections(application)
    server = await asyncio.get_running_loop().create_unix_server(lambda: Connection(connections), address)
    async with server:
        yield connections
        connections.finish()


async def said(address: str, *pieces: bytes, until: bytes = b"") -> bytes:
    """All that comes back until the connection ends, or `until` has come."""
    reader, writer = await asyncio.open_unix_connection(address)
    try:
        async with asyncio.timeout(WAIT_S):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.01)  # so that each comes by itself
            return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()


async def came_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more = body + message["body"], message["more_body"]
    return body


async def answer(send: Send, *pieces: bytes, status: int = 200, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    """Method, path and body, in a length that is known."""
    body = b"%b %b %b" % (scope["method"].encode(), scope["path"].encode(), await body_of(receive))
    await answer(send, body, headers=[(b"content-length", str(len(body)).encode())])
