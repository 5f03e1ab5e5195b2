from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from ibex.providers import client
from ibex.providers.errors import (
    ProviderAnswerTooLarge,
    ProviderCutOff,
    ProviderTimeout,
    ProviderUnreachable,
)

PATIENCE_S = 5


def random_stream(seed: int) -> tuple[bytes, list[bytes]]:
    """Bytes that look like events, or like nothing, and the same bytes cut at random places."""
    dice = random.Random(seed)
    kinds = [b'data: {"delta": "caf\xc3\xa9 \xf0\x9f\x90\xb6"}\n\n', b"event: odd\r\ndata: [1]\r\n\r\n", b": ping\n\n"]
    whole = b"".join(
        dice.choice(kinds) if dice.random() < 0.7 else dice.randbytes(dice.randint(1, 20_000)) for _ in range(20)
    )
    cuts = sorted(dice.sample(range(1, len(whole)), min(15, len(whole) - 1)))
    return whole, [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@pytest.mark.parametrize("seed", range(12))
async def test_a_stream_arrives_byte_for_byte_wherever_it_was_cut(double, seed):
    whole, pieces = random_stream(seed)
    double.streams(pieces)
    answer = await client.send("POST", f"{double.origin}/s", headers={}, body=b"{}", stream=True)
    assert await answer.read() == whole


async def test_each_piece_is_passed_on_before_the_next_one_exists(double):
    received = asyncio.Event()

    async def answer_in_two_steps(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        await received.wait()
        await response.write(b"data: second\n\n")
        return response

    double.answer = answer_in_two_steps
    answer = await client.send("POST", f"{double.origin}/s", headers={}, body=b"{}", stream=True)
    assert await anext(answer.chunks) == b"data: first\n\n"
    received.set()
    assert await anext(answer.chunks) == b"data: second\n\n"
    await answer.aclose()


async def test_compressed_bytes_are_not_touched_though_none_were_asked_for(double):
    packed = gzip.compress(b'{"a": 1}')
    double.streams([packed], headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
    answer = await client.send("GET", f"{double.origin}/z", headers={})
    assert answer.headers["content-encoding"] == "gzip"
    assert await answer.read() == packed
    assert double.seen[0].headers["accept-encoding"] == "identity"


async def never_finish(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"data: 1\n\n")
    await asyncio.Event().wait()
    return response


async def test_closing_early_makes_the_provider_stop(double):
    double.answer = never_finish
    answer = await client.send("POST", f"{double.origin}/s", headers={}, body=b"{}", stream=True)
    assert await anext(answer.chunks) == b"data: 1\n\n"
    await answer.aclose()
    await asyncio.wait_for(double.caller_left.wait(), PATIENCE_S)
    await answer.aclose()


async def test_cancelling_a_call_that_waits_for_its_answer_makes_the_provider_stop(double):
    asked = asyncio.Event()

    async def think_for_ever(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    double.answer = think_for_ever
    call = asyncio.create_task(client.send("POST", f"{double.origin}/s", headers={}, body=b"{}"))
    await asyncio.wait_for(asked.wait(), PATIENCE_S)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(double.caller_left.wait(), PATIENCE_S)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def test_a_connection_is_used_again_after_a_whole_answer_and_never_after_a_part(double):
    answer_whole = double.answer

    async def call(answer: Answer, *, read: bool) -> None:
        double.answer = answer
        got = await client.send("GET", double.origin, headers={})
        await (got.read() if read else got.aclose())

    await call(answer_whole, read=True)
    await call(answer_whole, read=True)
    await call(never_finish, read=False)
    await call(answer_whole, read=True)
    first, second, part, after = (seen.connection for seen in double.seen)
    assert first == second == part
    assert after != part


async def test_a_redirect_is_an_answer_and_is_not_followed(double):
    async def redirect(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    double.answer = redirect
    answer = await client.send("GET", f"{double.origin}/r", headers={})
    assert answer.status == 302
    assert answer.headers["location"] == "/elsewhere"
    await answer.aclose()
    assert len(double.seen) == 1


async def test_a_cookie_of_one_call_is_not_in_the_next(double):
    # The double's address is an IP, for which no jar keeps cookies: so the jar itself is asked.
    await (await client.send("GET", double.origin, headers={})).read()
    jar = client._session().cookie_jar
    jar.update_cookies({"tenant": "one"}, URL("https://provider.example/v1"))
    assert list(jar) == []


async def test_proxies_of_the_environment_are_not_used(double, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    answer = await client.send("GET", f"{double.origin}/p", headers={})
    assert await answer.read() == b'{"ok": true}'


async def test_a_refused_connection_is_an_unreachable_provider(double):
    gone = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    with pytest.raises(ProviderUnreachable):
        await client.send("GET", f"http://127.0.0.1:{port}/", headers={})


@pytest.mark.parametrize("url", ["ftp://example.invalid/v1", "no address at all", "http://", "http://host:99999999/v1"])
async def test_an_address_that_is_none_is_an_unreachable_provider(double, url):
    with pytest.raises(ProviderUnreachable):
        await client.send("GET", url, headers={})


async def test_a_header_that_would_break_the_request_is_not_sent(double):
    with pytest.raises(ProviderUnreachable):
        await client.send("GET", double.origin, headers={"authorization": "Bearer a\r\nX-Other: b"})
    assert double.seen == []


async def test_a_connection_that_ends_before_the_answer_is_an_unreachable_provider(double):
    async def hang_up(request: web.Request) -> web.StreamResponse:
        request.transport.abort()
        return web.Response()

    double.answer = hang_up
    with pytest.raises(ProviderUnreachable):
        await client.send("POST", f"{double.origin}/h", headers={}, body=b"{}")
    assert len(double.seen) == 1


async def test_a_connection_that_ends_in_the_body_is_a_cut_off_answer(double):
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"only this")
        request.transport.close()
        return response

    double.answer = break_off
    answer = await client.send("POST", f"{double.origin}/b", headers={}, body=b"{}")
    with pytest.raises(ProviderCutOff):
        await answer.read()


@pytest.mark.parametrize("headers_first", [True, False])
async def test_a_silent_provider_is_a_timeout_before_the_answer_and_in_it(double, monkeypatch, headers_first):
    monkeypatch.setattr(client, "_STREAM_TIMEOUT", aiohttp.ClientTimeout(sock_read=0.05))

    async def fall_silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if headers_first:
            await response.prepare(request)
        await asyncio.Event().wait()
        return response

    double.answer = fall_silent
    with pytest.raises(ProviderTimeout) as raised:
        await (await client.send("POST", f"{double.origin}/t", headers={}, body=b"{}", stream=True)).read()
    assert (raised.value.status, raised.value.code) == (504, "PROVIDER_TIMEOUT")


async def test_a_body_over_the_limit_is_not_kept(double):
    double.streams([b"x" * 600, b"y" * 600])
    answer = await client.send("GET", f"{double.origin}/l", headers={})
    with pytest.raises(ProviderAnswerTooLarge):
        await answer.read(limit=1000)


async def test_closing_the_client_twice_is_fine_and_the_next_call_makes_a_new_one(double):
    await (await client.send("GET", double.origin, headers={})).read()
    await client.close_client()
    await client.close_client()
    await (await client.send("GET", double.origin, headers={})).read()
    assert double.seen[0].connection != double.seen[1].connection


def test_every_loop_has_its_own_client_and_ended_loops_leave_none(monkeypatch):
    async def one_short_life() -> int:
        session = client._session()
        try:
            assert client._session() is session
            return id(session)
        finally:
            await client.close_client()

    asyncio.run(one_short_life())
    asyncio.run(one_short_life())
    assert not [loop for loop in client._sessions if loop.is_closed()]
