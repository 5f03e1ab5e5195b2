"""A caller's connection, byte by byte: what it is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.asgi import get_asgi_application

from ibex.serving.connection import HEAD_MAX_BYTES
from ibex.serving.exchange import ABORT
from tests.serving.talking import GET, LAST, WAIT_S, Receive, Send, answer, body_of, came_true, echo, said, served


async def in_pieces(_scope: Any, receive: Receive, send: Send) -> None:
    await body_of(receive)
    await answer(send, b"one", b"two")


async def test_the_application_is_told_what_was_asked(address):
    scopes = []

    async def keep(scope: Any, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await echo(scope, receive, send)

    async with served(address, keep):
        answered = await said(address, LAST.replace(b"/last", b"/a%20b?c=d").replace(b"Host: x", b"X-Y:  z\r\nX_Y: w"))
    assert answered == b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nGET /a b "
    [scope] = scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b", b"/a%20b", b"c=d")
    assert (scope["method"], scope["http_version"], scope["scheme"]) == ("GET", "1.1", "http")
    assert scope["headers"] == [(b"x-y", b"z"), (b"connection", b"close")]


async def test_requests_that_come_at_once_are_answered_in_order(address):
    async with served(address, echo):
        answered = await said(address, GET + b"POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi" + LAST)
    assert [part.partition(b"\r\n\r\n")[2] for part in answered.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"GET /a b ", b"POST /b hi", b"GET /last ",
    ]  # fmt: skip


async def test_a_body_in_chunks_and_pieces_comes_whole(address):
    head = b"POST /x HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with served(address, echo):
        answered = await said(address, head[:20], head[20:] + b"3\r\nab", b"c\r\n2\r\nde\r\n", b"0\r\n\r\n")
    assert answered.endswith(b"POST /x abcde")


async def test_an_answer_of_unknown_length_is_sent_in_chunks(address):
    async with served(address, in_pieces):
        answered = await said(address, LAST)
    head, _, body = answered.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


async def test_a_length_is_a_length_however_its_name_is_written(address):
    async def in_capitals(_scope: Any, receive: Receive, send: Send) -> None:
        await answer(send, b"one", headers=[(b"Content-Length", b"3"), (b"X-Frame-Options", b"DENY")])

    async with served(address, in_capitals):
        answered = await said(address, LAST)
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-frame-options: DENY\r\nconnection: close"
    assert body == b"one"


async def test_a_page_is_framed_in_one_way(address):
    async with served(address, get_asgi_application()):
        answered = await said(address, LAST.replace(b"/last", b"/no-such-page"))
    head, _, body = answered.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    assert [names.count(name) for name in (b"content-length", b"transfer-encoding")] == [1, 0]
    assert b"content-length: %d\r\n" % len(body) in head


async def test_an_older_caller_gets_it_plain_and_the_connection_ends(address):
    async with served(address, in_pieces):
        answered = await said(address, b"GET / HTTP/1.0\r\n\r\n")
    assert answered == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonetwo"


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
async def test_some_answers_have_no_body(address, method, status):
    async def silent(_scope: Any, _receive: Receive, send: Send) -> None:
        await answer(send, b"never", status=status)

    async with served(address, silent):
        answered = await said(address, LAST.replace(b"GET", method))
    assert answered.endswith(b"\r\nconnection: close\r\n\r\n")
    assert b"transfer-encoding" not in answered


async def test_a_caller_who_asks_whether_to_send_is_told_to(address):
    head = b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    async with served(address, echo):
        assert await said(address, head, until=b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await said(address, head, b"hi")).endswith(b"POST /x hi")


async def test_a_caller_who_leaves_is_noticed(address):
    left = asyncio.Event()

    async def wait(_scope: Any, receive: Receive, _send: Send) -> None:
        await body_of(receive)
        if (await receive())["type"] == "http.disconnect":
            left.set()

    async with served(address, wait) as connections:
        _, writer = await asyncio.open_unix_connection(address)
        writer.write(GET)
        await came_true(lambda: connections.is_answering)
        writer.close()
        async with asyncio.timeout(WAIT_S):
            await left.wait()
        assert not connections.is_answering


async def test_an_answer_that_breaks_off_is_broken_off_for_the_caller(address):
    async def break_off(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await asyncio.sleep(0.01)  # it is on its way
        await send({"type": ABORT})

    async with served(address, break_off):
        reader, writer = await asyncio.open_unix_connection(address)
        writer.write(GET)
        async with asyncio.timeout(WAIT_S):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readuntil(b"0\r\n\r\n")
        writer.close()


async def test_an_application_that_fails_is_an_error_or_a_broken_answer(address):
    async def fail(scope: Any, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
        raise LookupError("its words stay here")

    async with served(address, fail):
        assert await said(address, GET) == (
            b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        assert not (await said(address, GET.replace(b"/a%20b", b"/late"))).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("header", [(b"x", b"a\r\nset-cookie: b"), (b"x\n", b"a")])
async def test_a_header_cannot_end_the_head(address, header):
    async def split(_scope: Any, _receive: Receive, send: Send) -> None:
        await answer(send, headers=[header])

    async with served(address, split):
        answered = await said(address, GET)
    assert answered.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in answered


async def test_what_is_no_request_is_refused_after_what_was_asked_before(address):
    async with served(address, echo):
        answered = await said(address, GET + b"NO\0NSENSE\r\n\r\n")
        assert answered.count(b"HTTP/1.1 ") == 1
        assert answered.endswith(b"GET /a b ")
        assert (await said(address, b"NO\0NSENSE\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("pieces", [1, 40])
async def test_a_head_has_an_end(address, pieces):
    filler = b"a" * (HEAD_MAX_BYTES // pieces)
    async with served(address, echo):
        assert (await said(address, b"GET / HTTP/1.1\r\nX: ", *[filler] * pieces)).startswith(b"HTTP/1.1 400 ")


async def test_a_websocket_is_refused(address):
    asked = GET.replace(b"Host: x", b"Upgrade: websocket\r\nConnection: Upgrade")
    async with served(address, echo):
        assert (await said(address, asked)).startswith(b"HTTP/1.1 403 ")
