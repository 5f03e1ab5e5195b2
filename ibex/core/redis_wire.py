"""One connection to Redis that every call of a process shares: the request path's way to it.

redis-py's client takes a connection out of a pool and a parser's turn for each command. Here commands are written as
they come and one C parser hands the answers out in order, so calls neither wait for a connection nor need more than
one. Measured on the request path: see docs/explanation/request-path.md.

A server that does not answer costs SILENT_AFTER_S once, not once a call: the questions that are open then are its test.
Until it answers one of them, or lets a new connection in, whoever asks is refused at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from ibex.core.redis_line import SILENT_AFTER_S, Command, Line, Part

CONNECT_TIMEOUT_S = 1.0
OPEN_AGAIN_S = 0.1
"""Between two tries, behind the callers' backs, to reach a server that is away."""

_log = structlog.get_logger(__name__)


class Script:
    """A Lua script, sent by its digest; its text follows only where the server has lost it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisWire:
    """Belongs to one event loop. Opens by itself, and again after a failure."""

    def __init__(self, url: str, *, silent_after_s: float | None = None) -> None:
        self._options: Mapping[str, Any] = dict(parse_url(url))
        self._silent_after_s = SILENT_AFTER_S if silent_after_s is None else silent_after_s
        self._line: Line | None = None
        self._opening: asyncio.Task[Line] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._is_away = False

    async def ask(self, commands: Sequence[Command], *, timeout_s: float) -> list[Any]:
        """The answers to `commands`, sent together, in their order.

        Raises TimeoutError after `timeout_s` seconds, or RedisError: the first that is among the answers, or that of
        the connection, at once where the server is known not to answer. A command whose answer did not come may have
        been carried out.
        """
        line = self._line
        if line is None or line.is_closed:
            self._is_away |= line is not None and line.is_silent
            async with asyncio.timeout(min(timeout_s, self._silent_after_s)):
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
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._line is not None:
            self._line.give_up("closed")
            self._line = None

    async def _opened(self) -> Line:
        """The line, opened once for all who wait for it; none of them can cancel it for the others."""
        if self._opening is None or (self._opening.done() and self._retry is None):
            self._try_to_open()
        if self._is_away:
            raise RedisConnectionError("away")
        assert self._opening is not None  # noqa: S101 - it was made just now, or before
        return await asyncio.shield(self._opening)

    def _try_to_open(self) -> None:
        """One attempt; after one that fails another, until the server is there."""
        self._retry = None
        self._opening = asyncio.create_task(self._open())
        self._opening.add_done_callback(self._tried)

    def _tried(self, attempt: asyncio.Task[Line]) -> None:
        if attempt.cancelled() or attempt is not self._opening:
            return
        error = attempt.exception()
        if error is not None:
            self._retry = attempt.get_loop().call_later(OPEN_AGAIN_S, self._try_to_open)
        if self._is_away != bool(error):
            self._is_away = bool(error)
            _log.warning("redis_is_away" if error else "redis_is_back", error=type(error).__name__)

    async def _open(self) -> Line:
        slow = asyncio.get_running_loop().call_later(self._silent_after_s, self._is_slow)
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
        finally:
            slow.cancel()
        line.answers_within(self._silent_after_s)
        self._line = line
        return line

    def _is_slow(self) -> None:
        """Nobody else waits for this attempt."""
        if not self._is_away:
            self._is_away = True
            _log.warning("redis_is_away", error="Silence")

    async def _introduce(self, line: Line) -> None:
        said: list[Command] = [("SELECT", int(self._options.get("db") or 0))]
        if password := self._options.get("password"):
            said.insert(0, ("AUTH", self._options.get("username") or "default", password))
        for answer in await line.ask(said, CONNECT_TIMEOUT_S):
            if isinstance(answer, RedisError):
                raise answer

    async def _connected(self) -> Line:
        loop, options = asyncio.get_running_loop(), self._options
        line = partial(Line, CONNECT_TIMEOUT_S)
        if options.get("connection_class") is UnixDomainSocketConnection:
            return (await loop.create_unix_connection(line, options["path"]))[1]
        secured = _tls(options) if options.get("connection_class") is SSLConnection else None
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        return (await loop.create_connection(line, host, port, ssl=secured))[1]


def _tls(options: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if str(options.get("ssl_cert_reqs", "required")).lower() == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
