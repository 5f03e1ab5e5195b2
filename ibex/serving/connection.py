"""One connection of a caller's. llhttp, Node.js's parser, says what a request is; what it leaves open is decided here:
how large a head may be, how long a caller may be silent, and that requests are answered one after the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast
from urllib.parse import unquote

import httptools

from ibex.serving.exchange import ABORT, Application, Exchange

SILENT_S = 60.0
"""A caller who is to say something, and says nothing for so long, is cut off."""
LINGER_S = 15.0
"""How long what was written last may take to reach a caller, once nothing follows it."""
HEAD_MAX_BYTES = 32 * 1024
UNSENT_BYTES = 16 * 1024
"""What is written in one turn of the event loop leaves in one piece, up to this size."""

_REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NO_WEBSOCKET = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connections:
    """Those of one process, and the tasks that answer on them."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.open: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def begin(self, exchange: Exchange) -> None:
        """Have it answered, whether or not the caller stays."""
        task = asyncio.create_task(exchange.run(self.application))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def finish(self) -> None:
        """Nothing more is asked on any of them."""
        for connection in list(self.open):
            connection.finish()

    @property
    def is_answering(self) -> bool:
        """A caller waits for an answer, or for the rest of it."""
        return any(connection.is_answering for connection in self.open)


class Connection(asyncio.Protocol):
    """Feeds the parser and answers what it found, in order."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._answering: Exchange | None = None
        self._reading: Exchange | None = None
        """Whose request comes in; the parser is in its body, or between two requests."""
        self._waiting: deque[Exchange] = deque()
        self._is_finishing = False
        self._unparsed = 0
        """Bytes that have come since the parser last told of something whole."""
        self._unsent = bytearray()
        self._is_paused = False
        self._is_full: asyncio.Event | None = None
        self._url, self._headers, self._head_bytes, self._is_in_head = b"", list[tuple[bytes, bytes]](), 0, False

    @property
    def is_answering(self) -> bool:
        """A caller waits for an answer, or for the rest of it."""
        return self._answering is not None

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.open.add(self)
        self._client, self._server = _address(transport, "peername"), _address(transport, "sockname")
        self._heard = self._loop.time()
        self._watch = self._loop.call_later(SILENT_S, self._look)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self._is_finishing:
            return
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # what follows in another protocol is refused below, or never read
        except httptools.HttpParserError:
            self._refuse(_REFUSED)
        if self._unparsed > HEAD_MAX_BYTES:
            self._refuse(_REFUSED)
        self.read_on()

    def pause_writing(self) -> None:
        self._is_full = self._is_full or asyncio.Event()

    def resume_writing(self) -> None:
        if self._is_full is not None:
            self._is_full.set()
            self._is_full = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.open.discard(self)
        self._watch.cancel()
        self._is_finishing = True
        if self._answering is not None:
            self._answering.leave()
        # Parser and exchanges know the connection too: what goes in a circle would wait for the collector.
        del self._parser
        self._answering = self._reading = None
        self._waiting.clear()
        self.resume_writing()

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._url, self._headers, self._head_bytes, self._is_in_head = b"", [], 0, True
        self._reading = None

    def on_url(self, part: bytes) -> None:
        self._url += part
        self._head_bytes += len(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer is no header. Of two names that CGI's variables cannot tell apart, one is a forgery.
        self._head_bytes += len(name) + len(value)
        if self._is_in_head and b"_" not in name:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._is_in_head, self._unparsed = False, 0
        if self._head_bytes > HEAD_MAX_BYTES:
            raise ValueError("The head is too large.")
        if self._is_finishing:
            return
        version = self._parser.get_http_version()
        asked = dict(self._headers)
        if asked.get(b"upgrade", b"").lower() == b"websocket":
            self._refuse(_NO_WEBSOCKET)
            return
        exchange = self._reading = Exchange(
            self,
            self._scope(version),
            keeps_open=version == "1.1" and self._parser.should_keep_alive() and not self._parser.should_upgrade(),
            awaits_go=version == "1.1" and asked.get(b"expect", b"").lower() == b"100-continue",
        )
        if self._answering is None:
            self._answering = exchange
            self._connections.begin(exchange)
        else:
            self._waiting.append(exchange)

    def on_body(self, piece: bytes) -> None:
        self._unparsed = 0
        if self._reading is not None:
            self._reading.take(piece)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        if self._reading is not None:
            self._reading.end_of_request()

    def _scope(self, version: str) -> dict[str, Any]:
        """ASGI's. Raises UnicodeDecodeError where the address is no ASCII."""
        path, _, query = self._url.partition(b"?")
        query.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": self._parser.get_method().decode("ascii"),
            "scheme": "http",
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self._client,
            "server": self._server,
            "extensions": {ABORT: {}},
        }

    # What exchanges ask.

    def write(self, data: bytes) -> None:
        """Hand bytes to the caller's connection, with all that is written in the same turn of the event loop."""
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent += data
        if len(self._unsent) > UNSENT_BYTES:
            self._send()

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, bytearray()
        if unsent and not self._transport.is_closing():
            self._transport.write(unsent)

    async def drained(self) -> None:
        """Wait until the connection takes more."""
        while self._is_full is not None:
            await self._is_full.wait()

    def read_on(self) -> None:
        """Hold the caller up while there is enough to do, and no longer."""
        is_enough = bool(self._waiting) or (self._reading is not None and self._reading.is_behind)
        if is_enough != self._is_paused and not self._transport.is_closing():
            self._is_paused = is_enough
            self._transport.pause_reading() if is_enough else self._transport.resume_reading()

    def answered(self) -> None:
        """The answer is whole: on to the next request."""
        was, self._answering = self._answering, None
        self._heard = self._loop.time()
        if was is None or not was.keeps_open:
            self._close()
        elif self._waiting:
            self._answering = self._waiting.popleft()
            self._connections.begin(self._answering)
            self.read_on()
        elif self._is_finishing:
            self._close()

    def abort(self) -> None:
        """Break the connection off."""
        self._transport.abort()

    def finish(self) -> None:
        """Take no further request; what is being answered ends."""
        self._is_finishing = True
        self._waiting.clear()
        if self._answering is None:
            self._close()
        else:
            self._answering.keeps_open = False

    def _refuse(self, answer: bytes) -> None:
        """What came is no request. Whoever was asked something before it is still answered."""
        if self._is_finishing:
            return
        self._is_finishing = True
        broken = self._reading
        if broken is not None and not broken.is_whole:
            broken.leave()
            if broken is self._answering:
                self._answering = None
            elif broken in self._waiting:
                self._waiting.remove(broken)
        if self._answering is None:
            self.write(answer)
            self._close()

    def _close(self) -> None:
        self._is_finishing = True
        self._send()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(LINGER_S, self._transport.abort)

    def _look(self) -> None:
        """Whether the caller is to say something, and does not."""
        silent_s = self._loop.time() - self._heard
        is_to_speak = self._answering is None or (self._reading is not None and not self._reading.is_whole)
        if is_to_speak and silent_s >= SILENT_S:
            self._close()
        else:
            self._watch = self._loop.call_later(max(SILENT_S - silent_s, 0) or SILENT_S, self._look)


def _address(transport: asyncio.BaseTransport, which: str) -> tuple[str, int] | None:
    """Host and port; a Unix socket has none."""
    known = transport.get_extra_info(which)
    return (str(known[0]), int(known[1])) if isinstance(known, tuple) else None
