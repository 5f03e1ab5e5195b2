"""One request and its answer, as ASGI speaks of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

import structlog

from ibex.core import metrics
from ibex.core.logging import place_of

ABORT = "ibex.response.abort"
"""An ASGI message of our own: the answer has broken off, and the caller must not take it for a whole one. A server that
knows it says so in `scope["extensions"]`."""
KEPT_BYTES = 16 * 1024 * 1024
"""More than any address takes. What a body has beyond it is thrown away: the address refuses what is left."""
UNREAD_BYTES = 64 * 1024
"""Of a body that the application has not asked for yet, before the caller is held up."""

Message = dict[str, Any]
Application = Callable[[dict[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]

_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_log = structlog.get_logger(__name__)


class Line(Protocol):
    """The connection, as an exchange needs it."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the caller's connection."""

    async def drained(self) -> None:
        """Wait until the connection takes more."""

    def read_on(self) -> None:
        """The application has taken what had come."""

    def answered(self) -> None:
        """The answer is whole."""

    def abort(self) -> None:
        """Break the connection off."""


class Exchange:
    """Between a connection and the application. `keeps_open`: the caller may ask again on the same connection."""

    def __init__(self, line: Line, scope: dict[str, Any], *, keeps_open: bool, awaits_go: bool) -> None:
        self.scope = scope
        self.keeps_open = keeps_open
        self.is_whole = False
        """All of the request has come."""
        self.is_over = False
        """It was answered, or the caller has left."""
        self._line = line
        self._awaits_go = awaits_go
        self._unread = bytearray()
        self._received = 0
        self._is_told_whole = False
        self._news = asyncio.Event()
        self._head: Message | None = None
        self._has_begun = False
        self._is_chunked = False
        self._is_silent = False

    async def run(self, application: Application) -> None:
        """Have the request answered. Never raises but when it is cancelled."""
        try:
            await application(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 - the outermost boundary: logged and counted, and takes no server along
            metrics.BOUNDARY_ERRORS.labels(boundary="request").inc()
            _log.error("request_failed", error=type(error).__name__, at=place_of(error))
        finally:
            if not self.is_over:
                self._fail()

    def take(self, piece: bytes) -> None:
        """A piece of the request's body has come."""
        self._received += len(piece)
        if self._received <= KEPT_BYTES and not self.is_over:
            self._unread += piece
            self._news.set()

    @property
    def is_behind(self) -> bool:
        """The application has not asked for what has come."""
        return len(self._unread) > UNREAD_BYTES

    def end_of_request(self) -> None:
        """Its body is whole."""
        self.is_whole = True
        self._news.set()

    def leave(self) -> None:
        """The caller has left."""
        self.is_over = True
        self._news.set()

    async def receive(self) -> Message:
        """ASGI's: the body piece by piece, then that the caller has left, or has been answered."""
        while not self.is_over:
            if self._unread or (self.is_whole and not self._is_told_whole):
                return self._piece()
            if self._awaits_go and not self.is_whole:
                self._awaits_go = False
                self._line.write(_GO_ON)
            self._news.clear()
            await self._news.wait()
        return {"type": "http.disconnect"}

    def _piece(self) -> Message:
        body = bytes(self._unread)
        self._unread.clear()
        self._is_told_whole = self.is_whole
        self._line.read_on()
        return {"type": "http.request", "body": body, "more_body": not self.is_whole}

    async def send(self, message: Message) -> None:
        """ASGI's. The head goes out with the first piece of the body. Returns when the connection takes more."""
        if self.is_over:
            return
        match message["type"]:
            case "http.response.body":
                self._write(message.get("body", b""), is_last=not message.get("more_body", False))
                await self._line.drained()
            case "http.response.start":
                self._head = message
            case kind if kind == ABORT:
                self.is_over = True
                self._line.abort()
            case kind:
                raise ValueError(f"An HTTP connection takes no {kind!r}.")

    def _write(self, body: bytes, *, is_last: bool) -> None:
        head = b"" if self._has_begun else self._begin()
        if self._is_silent:
            body = b""
        elif self._is_chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if is_last else b"")
        if head or body:
            self._line.write(head + body)
        if is_last:
            self.is_over = True
            self._news.set()
            self._line.answered()

    def _begin(self) -> bytes:
        """The answer's head. Raises ValueError for a header that would end it early."""
        if self._head is None:
            raise ValueError("An answer begins with its status.")
        status = self._head["status"]
        headers = [(name.lower(), value) for name, value in self._head["headers"]]  # Django's begin with capitals
        is_measured = any(name == b"content-length" for name, _ in headers)
        lines = [b"%b: %b\r\n" % header for header in headers]
        self._is_silent = self.scope["method"] == "HEAD" or status in _BODILESS
        if not is_measured and not self._is_silent:
            self._is_chunked = self.scope["http_version"] == "1.1"
            self.keeps_open = self.keeps_open and self._is_chunked
            lines += [b"transfer-encoding: chunked\r\n"] * self._is_chunked
        if not self.keeps_open:
            lines.append(b"connection: close\r\n")
        head = b"".join([_STATUS_LINES[status], *lines, b"\r\n"])
        if head.count(b"\n") != len(lines) + 2:
            raise ValueError("A header has one line.")
        self._has_begun, self._awaits_go = True, False
        return head

    def _fail(self) -> None:
        """The application has ended without an answer, or in the middle of one."""
        if self._has_begun:
            self.is_over = True
            self._line.abort()
            return
        self.keeps_open = False
        self._line.write(_FAILED)
        self.is_over = True
        self._line.answered()
