"""The connection that all calls of a process share, on the real server and on one that misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import uvloop
from django.conf import settings

from ibex.core.redis import RedisError, ResponseError, Script, redis
from ibex.core.redis_line import HANGS_AFTER_S, QUESTIONS_MAX, SILENT_AFTER_S
from ibex.core.redis_wire import RedisWire

TIMEOUT_S = 2.0
PATIENCE_S = 20
SLOW = "local n = 0 for i = 1, 3000000 do n = n + i end return 1"
"""Keeps the server busy for some 20 ms; the clock stands still in a script."""


@pytest.fixture
async def wire() -> AsyncIterator[RedisWire]:
    # A busy machine is no silent server here.
    opened = RedisWire(settings.REDIS_URL, silent_after_s=TIMEOUT_S)
    yield opened
    opened.close()


class Answers(asyncio.Protocol):
    """A server that says one thing to the first that it hears on a connection, and nothing more."""

    def __init__(self, first: bytes, connected: list[asyncio.Transport]) -> None:
        self._first = first
        self._connected = connected

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connected.append(transport)

    def data_received(self, data: bytes) -> None:
        self._connected[-1].write(self._first)
        self._first = b""


@asynccontextmanager
async def server(
    first: bytes = b"+OK\r\n", *, connected: list[asyncio.Transport] | None = None, port: int = 0
) -> AsyncIterator[str]:
    """Such a server, on the loopback; its URL."""
    connected = [] if connected is None else connected
    listening = await asyncio.get_running_loop().create_server(lambda: Answers(first, connected), "127.0.0.1", port)
    try:
        yield f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
    finally:
        listening.close()
        for transport in connected:
            transport.abort()


async def accepted(wire: RedisWire) -> asyncio.Task[list[object]]:
    """A question that was not refused."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            asked = asyncio.create_task(wire.ask([("PING",)], timeout_s=TIMEOUT_S))
            await asyncio.sleep(0.01)
            if not asked.done():
                return asked
            assert isinstance(asked.exception(), RedisError)


async def test_each_of_many_callers_gets_its_own_answers(wire: RedisWire) -> None:
    asked = [wire.ask([("ECHO", f"a{n}"), ("ECHO", f"b{n}")], timeout_s=TIMEOUT_S) for n in range(200)]
    assert await asyncio.gather(*asked) == [[f"a{n}".encode(), f"b{n}".encode()] for n in range(200)]


async def test_an_error_is_the_error_of_its_caller_alone(wire: RedisWire) -> None:
    answers: list[object] = await asyncio.gather(
        wire.ask([("NOSUCHCOMMAND",)], timeout_s=TIMEOUT_S), wire.ask([("PING",)], timeout_s=TIMEOUT_S),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(answers[0], ResponseError)
    assert answers[1] == [b"PONG"]


async def test_a_script_the_server_does_not_know_yet_runs(wire: RedisWire) -> None:
    script = Script(f"return {{KEYS[1], ARGV[1]}} -- {uuid4()}")
    for _ in range(2):
        assert await wire.run(script, ["k"], ["v"], timeout_s=TIMEOUT_S) == [b"k", b"v"]


async def test_who_gives_up_waiting_leaves_the_answers_of_others_in_order(wire: RedisWire) -> None:
    await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
    key = f"nobody:{uuid4()}"
    leaves = asyncio.create_task(wire.ask([("ECHO", "left"), ("SET", key, "kept", "EX", 60)], timeout_s=TIMEOUT_S))
    await asyncio.sleep(0)
    leaves.cancel()
    assert await wire.ask([("ECHO", "stays")], timeout_s=TIMEOUT_S) == [b"stays"]
    assert redis().get(key) == b"kept"


async def test_a_connection_that_the_server_closed_is_opened_again(wire: RedisWire) -> None:
    [mine] = await wire.ask([("CLIENT", "ID")], timeout_s=TIMEOUT_S)
    asyncio.get_running_loop().call_later(0.05, redis().execute_command, "CLIENT", "KILL", "ID", mine)
    with pytest.raises(RedisError):
        await asyncio.gather(*(wire.ask([("BLPOP", "nothing", 1)], timeout_s=TIMEOUT_S) for _ in range(3)))
    assert await wire.ask([("PING",)], timeout_s=TIMEOUT_S) == [b"PONG"]


async def test_a_wrong_password_is_an_error() -> None:
    async with server(b"-WRONGPASS invalid username-password pair\r\n+OK\r\n") as url:
        with pytest.raises(RedisError):
            await RedisWire(url.replace("//", "//:wrong@")).ask([("PING",)], timeout_s=TIMEOUT_S)


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with server() as url:
        pass
    with pytest.raises(RedisError):
        await RedisWire(url).ask([("PING",)], timeout_s=TIMEOUT_S)


async def test_a_server_that_hangs_costs_the_time_allowed_and_no_more() -> None:
    async with server() as url:
        wire = RedisWire(url)
        with pytest.raises(TimeoutError):
            await wire.ask([("PING",)], timeout_s=0.01)
        wire.close()


async def test_a_silent_server_is_waited_for_once_not_once_a_call() -> None:
    async with server() as url:
        wire = RedisWire(url)
        asked = time.monotonic()
        with pytest.raises(RedisError, match="silent"):
            await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
        waited = time.monotonic() - asked
        for _ in range(1_000):
            with pytest.raises(RedisError):
                await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
        assert waited >= SILENT_AFTER_S * 0.9
        assert time.monotonic() - asked < waited + SILENT_AFTER_S * 1_000 / 10
        wire.close()


async def test_who_waits_when_a_server_falls_silent_is_told_then() -> None:
    async with server() as url:
        wire = RedisWire(url, silent_after_s=0.2)
        first = asyncio.create_task(wire.ask([("PING",)], timeout_s=PATIENCE_S))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(wire.ask([("PING",)], timeout_s=PATIENCE_S))
        with pytest.raises(RedisError, match="silent"):
            await first
        await asyncio.sleep(0)
        with pytest.raises(RedisError, match="silent"):
            second.result()
        wire.close()


async def test_the_first_late_answer_ends_the_silence_and_stays_with_its_question() -> None:
    connected: list[asyncio.Transport] = []
    async with server(connected=connected) as url:
        wire = RedisWire(url, silent_after_s=0.5)
        with pytest.raises(RedisError, match="silent"):
            await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
        connected[0].write(b"+late\r\n")
        asked = await accepted(wire)
        connected[0].write(b"+mine\r\n")
        assert await asked == [b"mine"]
        wire.close()


async def test_a_busy_event_loop_is_not_taken_for_a_silent_server() -> None:
    wire = RedisWire(settings.REDIS_URL, silent_after_s=0.2)
    await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
    for _ in range(3):
        asked = asyncio.create_task(wire.ask([("PING",)], timeout_s=TIMEOUT_S))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(0.4)  # noqa: ASYNC251 - the point of the test
        assert await asked == [b"PONG"]
    wire.close()


def test_a_loop_whose_every_turn_is_longer_than_the_wait_still_hears_the_answers() -> None:
    """The server's own kind of loop: it writes at the end of a turn, just before the timers of that turn run."""

    async def ask() -> list[object]:
        wire, loop = RedisWire(settings.REDIS_URL), asyncio.get_running_loop()

        def be_busy(turns: int) -> None:
            time.sleep(0.1)
            if turns:
                loop.call_soon(be_busy, turns - 1)

        await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
        loop.call_soon(be_busy, 4)
        asked = [asyncio.create_task(wire.ask([("EVAL", SLOW, 0)], timeout_s=0.05)) for _ in range(3)]
        loop.call_soon(be_busy, 4)  # before and after whatever the questions do
        answers = await asyncio.gather(*asked, return_exceptions=True)
        wire.close()
        return answers

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == [[1]] * 3


async def test_a_server_that_is_away_is_found_again_behind_the_callers_backs() -> None:
    async with server() as url:
        pass
    wire = RedisWire(url)
    with pytest.raises(RedisError):
        await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
    with pytest.raises(RedisError, match="away"):
        await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
    port, connected = int(url.rpartition(":")[2].partition("/")[0]), list[asyncio.Transport]()
    async with server(connected=connected, port=port), asyncio.timeout(PATIENCE_S):
        while not connected:  # noqa: ASYNC110 - nobody asks meanwhile
            await asyncio.sleep(0.01)
        await accepted(wire)
        wire.close()


async def test_a_connection_that_stays_silent_is_given_up_for_a_new_one() -> None:
    connected: list[asyncio.Transport] = []
    async with server(connected=connected) as url:
        wire = RedisWire(url)
        with pytest.raises(RedisError, match="silent"):
            await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
        await asyncio.sleep(HANGS_AFTER_S)
        async with asyncio.timeout(PATIENCE_S):
            while len(connected) == 1:
                with pytest.raises(RedisError):
                    await wire.ask([("PING",)], timeout_s=TIMEOUT_S)
                await asyncio.sleep(0.01)
        wire.close()


async def test_a_server_that_hangs_is_not_asked_without_end() -> None:
    async with server() as url:
        wire = RedisWire(url, silent_after_s=TIMEOUT_S)
        with pytest.raises(TimeoutError):
            await wire.ask([("PING",)], timeout_s=0.2)
        asked = [asyncio.create_task(wire.ask([("PING",)], timeout_s=0.01)) for _ in range(QUESTIONS_MAX + 1)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert any(isinstance(result, RedisError) for result in results)
        wire.close()


async def test_a_server_that_speaks_another_language_is_an_error() -> None:
    async with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        with pytest.raises(RedisError):
            await RedisWire(url).ask([("PING",)], timeout_s=TIMEOUT_S)
