"""Who is slow, silent, endless or late on a connection: held up or cut off, and nothing is kept for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ibex.serving import connection
from ibex.serving.exchange import KEPT_BYTES
from tests.serving.talking import GET, LAST, WAIT_S, Receive, Send, answer, body_of, came_true, echo, said, served


async def test_a_silent_caller_is_cut_off(address, monkeypatch):
    monkeypatch.setattr(connection, "SILENT_S", 0.05)
    async with served(address, echo):
        assert await said(address) == b""
        assert await said(address, GET[:10]) == b""
        assert (await said(address, GET)).endswith(b"GET /a b ")
        assert await said(address, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc") == b""


async def test_who_waits_for_an_answer_is_not_silent(address, monkeypatch):
    monkeypatch.setattr(connection, "SILENT_S", 0.02)

    async def slow(scope: Any, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.1)
        await echo(scope, receive, send)

    async with served(address, slow):
        assert (await said(address, GET)).endswith(b"GET /a b ")


async def test_a_body_that_nobody_takes_holds_its_caller_up(address):
    taken = asyncio.Event()

    async def late(_scope: Any, receive: Receive, send: Send) -> None:
        await taken.wait()
        size = str(len(await body_of(receive))).encode()
        await answer(send, size, headers=[(b"content-length", str(len(size)).encode())])

    async with served(address, late):
        reader, writer = await asyncio.open_unix_connection(address)
        size = 4 * 1024 * 1024
        writer.write(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size + b" " * size)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.3)
        taken.set()
        assert (await asyncio.wait_for(reader.read(), WAIT_S)).endswith(str(size).encode())
        writer.close()


async def test_of_a_body_without_an_end_only_so_much_is_kept(address):
    async def measure(_scope: Any, receive: Receive, send: Send) -> None:
        await answer(send, str(len(await body_of(receive))).encode())

    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with served(address, measure):
        answered = await said(address, head, *[piece] * 20, b"0\r\n\r\n")
    kept = int(answered.partition(b"\r\n\r\n")[2].split(b"\r\n")[1])
    assert KEPT_BYTES - 0x100000 < kept <= KEPT_BYTES


async def test_a_reader_who_does_not_read_holds_the_application_up(address):
    sent = 0

    async def pour(_scope: Any, _receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1_000):
            await send({"type": "http.response.body", "body": b" " * 65_536, "more_body": True})
            sent += 1
        await send({"type": "http.response.body"})

    async with served(address, pour):
        reader, writer = await asyncio.open_unix_connection(address, limit=65_536)
        writer.write(LAST)
        await asyncio.sleep(0.3)
        assert 0 < sent < 100
        async with asyncio.timeout(WAIT_S):
            received = len(await reader.read())
        assert (sent, received > 1_000 * 65_536) == (1_000, True)
        writer.close()


async def test_who_is_idle_goes_when_the_process_stops_and_who_is_answered_is_answered(address):
    go = asyncio.Event()

    async def wait(scope: Any, receive: Receive, send: Send) -> None:
        await go.wait()
        await echo(scope, receive, send)

    async with served(address, wait) as connections:
        idle, busy = asyncio.create_task(said(address)), asyncio.create_task(said(address, GET))
        await came_true(lambda: connections.is_answering and len(connections.open) == 2)
        connections.finish()
        assert await idle == b""
        assert connections.is_answering
        go.set()
        assert b"connection: close" in await busy
        assert not connections.is_answering
