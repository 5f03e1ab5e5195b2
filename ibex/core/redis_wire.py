"""One connection to Redis that every call of a process shares: the request path's way to it.

redis-py's client takes a connection out of a pool and a parser's turn for each command. Here commands are written as
they come and one C parser hands the answers out in order, so calls neither wait for a connection nor need more than
one. Measured on the request path: see docs/explanation/request-path.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

Part = bytes | str | int | float
Command = tuple[Part, ...]

CONNECT_TIMEOUT_S = 1.0
HANGS_AFTER_S = 1.0
"""A server that has been silent for so long, with questions open, is given up: what waits for it fails at once."""
QUESTIONS_MAX = 4_096
"""Open questions: a server that is only slow never has so many, and one that hangs costs no more memory."""


class Script:
    """A Lua script, sent by its digest; its text follows only where the server has lost it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisWire:
    """Belongs to one event loop. Opens by itself, and again after a failure."""

    def __init__(self, url: str) -> None:
        self._options: Mapping[str, Any] = dict(parse_url(url))
        self._line: _Line | None = None
        self._opening: asyncio.Task[_Line] | None = None

    async def ask(self, commands: Sequence[Command], *, timeout_s: float) -> list[Any]:
        """The answers to `commands`, sent together, in their order.

        Raises TimeoutError after `timeout_s` seconds, or RedisError: the first that is among the answers, or that of
        the connection. A command whose answer did not come may have been carried out.
        """
        line = self._line
        if line is None or line.is_closed:
            async with asyncio.timeout(timeout_s):
                line = await self._opened()
        answers = await line.ask(commands, timeout_s)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return answers

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Part], *, timeout_s: float) -> Any:
        """What the script returns. Raises as `ask` does."""
        given = (len(keys), *keys, *arguments)
        try:
            return (await self.ask((("EVALSHA", script.digest, *given),), timeout_s=timeout_s))[0]
        except NoScriptError:
            return (await self.ask((("EVAL", script.text, *given),), timeout_s=timeout_s))[0]

    def close(self) -> None:
        """Give the connection up."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._line is not None:
            self._line.give_up("closed")
            self._line = None

    async def _opened(self) -> _Line:
        """The line, opened once for all who wait for it; none of them can cancel it for the others."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Line:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                line = await self._connected()
                try:
                    await self._introduce(line)
                except BaseException:
                    line.give_up("not introduced")
                    raise
        except OSError as error:
            raise RedisConnectionError(type(error).__name__) from error
        self._line = line
        return line

    async def _introduce(self, line: _Line) -> None:
        said: list[Command] = [("SELECT", int(self._options.get("db") or 0))]
        if password := self._options.get("password"):
            said.insert(0, ("AUTH", self._options.get("username") or "default", password))
        for answer in await line.ask(said, CONNECT_TIMEOUT_S):
            if isinstance(answer, RedisError):
                raise answer

    async def _connected(self) -> _Line:
        loop, options = asyncio.get_running_loop(), self._options
        if options.get("connection_class") is UnixDomainSocketConnection:
            return (await loop.create_unix_connection(_Line, options["path"]))[1]
        secured = _tls(options) if options.get("connection_class") is SSLConnection else None
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        return (await loop.create_connection(_Line, host, port, ssl=secured))[1]


class _Line(asyncio.Protocol):
    """The connection itself."""

    def __init__(self) -> None:
        self.is_closed = False
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(replyError=_answered_error, protocolError=RedisConnectionError)
        self._open: deque[_Question] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._heard = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            self._parser.feed(data)
            while (answer := self._parser.gets()) is not False:
                question = self._open[0]
                question.answers.append(answer)
                if len(question.answers) == question.wanted:
                    self._open.popleft()
                    question.answer()
        except (RedisError, IndexError):
            self.give_up("not the language of Redis")

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(type(exc).__name__ if exc else "closed by the server")

    def ask(self, commands: Sequence[Command], timeout_s: float) -> asyncio.Future[list[Any]]:
        """Send `commands`; errors among the answers are answers."""
        if self._open and self._loop.time() - max(self._heard, self._open[0].asked) > HANGS_AFTER_S:
            self.give_up("hangs")
        if self.is_closed or self._transport is None or len(self._open) >= QUESTIONS_MAX:
            raise RedisConnectionError("the connection is closed or overloaded")
        question = _Question(self._loop, len(commands), timeout_s)
        self._open.append(question)
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.extend([_packed(command) for command in commands])
        return question.future

    def _send(self) -> None:
        """One write for all that was asked in one turn of the loop."""
        if self._transport is not None and not self.is_closed:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def give_up(self, why: str) -> None:
        """Fail everyone who waits, and take no further question."""
        self.is_closed = True
        if self._transport is not None:
            self._transport.abort()
        while self._open:
            self._open.popleft().fail(RedisConnectionError(why))


class _Question:
    """Commands whose answers are still to come."""

    __slots__ = ("_timer", "answers", "asked", "future", "wanted")

    def __init__(self, loop: asyncio.AbstractEventLoop, wanted: int, timeout_s: float) -> None:
        self.future: asyncio.Future[list[Any]] = loop.create_future()
        self.answers: list[Any] = []
        self.wanted = wanted
        self.asked = loop.time()
        # An answer that has arrived is read before a timer of the same moment runs out, however busy the loop was.
        self._timer = loop.call_later(timeout_s, self.fail, TimeoutError())

    def answer(self) -> None:
        """All answers are there. Nobody may be waiting for them any more."""
        self._timer.cancel()
        if not self.future.done():
            self.future.set_result(self.answers)

    def fail(self, error: Exception) -> None:
        """Tell who waits, unless nobody does."""
        self._timer.cancel()
        if not self.future.done():
            self.future.set_exception(error)


def _packed(command: Command) -> bytes:
    packed: bytes = hiredis.pack_command(cast("Any", command))
    return packed


def _answered_error(text: str) -> RedisError:
    return NoScriptError(text) if text.startswith("NOSCRIPT") else ResponseError(text)


def _tls(options: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if str(options.get("ssl_cert_reqs", "required")).lower() == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
