"""The web process: `python -m ibex.server`. Daphne with four things that it lacks, or uvicorn.

* Back-pressure: a reader slower than the provider holds the provider up, instead of filling this process's memory.
* A broken-off answer is broken off for the caller too, instead of being ended as if it were whole.
* A caller can neither choose where the application is mounted nor fill the disk with a body.
* SIGTERM lets what is being answered finish: readiness goes false and nobody new is let in.
"""

# ruff: noqa: E402 - Daphne makes its event loop when it is imported, so the kind of loop is chosen before
from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ibex.settings")
if __name__ == "__main__":
    # Only the process that serves pools: a pool does not survive the forks of workers, which inherit the environment of
    # whoever else imports this module.
    os.environ.setdefault("IBEX_PAGE_CONNECTIONS", "8")
# numpy only compares short vectors here: threads of its own would cost memory and take turns with the callers' thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import uvloop

# Only the loop that Daphne makes: who else imports this module keeps the loops they have.
_policy = asyncio.get_event_loop_policy()
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
import daphne.server

asyncio.set_event_loop_policy(_policy)

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server as Daphne
from twisted.internet import reactor as _reactor
from twisted.internet import tcp
from twisted.internet.interfaces import IPushProducer
from twisted.web.http import Request
from zope.interface import implementer

from ibex.env import Env, env
from ibex.port import BACKLOG, PortUnusable, bound, unusable

# Twisted's types are those of the reactor's module, and stop short of its ports.
reactor: Any = _reactor
_tcp: Any = tcp

GRACE_S = 30.0
"""How long streams that are running may take to finish."""
POLL_S = 0.05
NEXT_CALLER_S = 0.001
"""Between two callers that a process takes: of 50 who came at once, an idle process would have 40 before another woke
up. Who is already connected does not wait."""
OTHERS_SERVE_S = 10.0
"""How long a process that has others beside it takes nobody while it warms up; they may all have just been started."""
ABORT = "ibex.response.abort"
"""An ASGI message of our own; a server that knows it says so in `scope["extensions"]`."""

KEPT_BYTES = 16 * 1024 * 1024
"""More than any address takes. What a body has beyond it is thrown away: the address refuses what is left."""


class Incoming(WebRequest):
    """A request as a stranger may send it."""

    def process(self) -> Any:
        """Without the header by which Daphne lets a caller say where the application is mounted: it would choose the
        route.
        """
        self.requestHeaders.removeHeader(b"Daphne-Root-Path")
        return super().process()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a piece of the body, in memory or on disk."""
        if self.content.tell() <= KEPT_BYTES:
            super().handleContentChunk(data)


class Requests(HTTPFactory):
    """Makes connections whose requests are `Incoming`, and whose bodies Twisted does not parse as forms."""

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """See Twisted's Factory."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = partial(Incoming, parsePOSTFormSubmission=False)
        return protocol

    def log(self, request: Any) -> None:
        """No line for a request: Twisted would put one together, with its address, and write it nowhere."""


# Daphne makes its factory by this name, and has no other way to give it another.
daphne.server.HTTPFactory = Requests


@implementer(IPushProducer)
class Gate:
    """Open while the caller's connection takes more."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection's buffer is full."""
        self._open.clear()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It has room again."""
        self._open.set()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The caller has left: nobody is to wait."""
        self._open.set()

    async def passed(self) -> None:
        """Wait until the connection takes more."""
        await self._open.wait()


class Port(_tcp.Port):
    """Takes one caller, then gives the other processes of the port a moment to take the next."""

    numberAccepts = property(lambda _: 1, lambda _, __: None)  # noqa: N815 - Twisted's name, which it sets as it goes

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """Take one caller."""
        super().doRead()
        self.stopReading()
        reactor.callLater(NEXT_CALLER_S, self.open)

    def open(self) -> None:
        """Take callers, unless it is closed for good."""
        if self.connected and not self.disconnecting:
            self.startReading()


class Server(Daphne):
    """Daphne on sockets of ours, with back-pressure, aborts and a graceful stop."""

    def __init__(self, application: Any, sockets: Sequence[socket.socket]) -> None:
        super().__init__(
            application,
            endpoints=["sockets"],  # which it would make itself, from texts
            signal_handlers=False,
            server_name="",
            verbosity=0,
            ready_callable=self._listen,
        )
        self.endpoints: list[str] = []
        self._sockets = sockets
        self._ports: list[Any] = []
        self._gates: WeakKeyDictionary[Any, Gate] = WeakKeyDictionary()

    def run(self) -> None:
        """Serve until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: reactor.callFromThread(self._begin_to_stop))
        super().run()

    def _listen(self) -> None:
        for listener in self._sockets:
            descriptor, family = listener.fileno(), listener.family
            if family == socket.AF_UNIX:
                port = reactor.adoptStreamPort(descriptor, family, self.http_factory)
            else:  # as Twisted's own reactor adopts one, which cannot be told of another class
                port = Port._fromListeningDescriptor(reactor, descriptor, family, self.http_factory)  # noqa: SLF001
                port.startListening()
                port.stopReading()
                asyncio.ensure_future(self._open(port))  # noqa: RUF006 - the loop ends with it
            listener.close()  # the port has a copy, which is the last when it stops listening
            self._ports.append(port)

    async def _open(self, port: Port) -> None:
        """Take callers: at once when nobody else does, else when this process can serve them as well as the others."""
        from proxy import lifespan

        deadline = time.monotonic() + OTHERS_SERVE_S * (env().web_processes > 1)
        while not lifespan.is_warm() and time.monotonic() < deadline:  # noqa: ASYNC110 - /ready warms it, and tells nobody
            await asyncio.sleep(POLL_S)
        port.open()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Say what this server can do, and watch the connection's buffer."""
        scope["extensions"] = {ABORT: {}}
        if isinstance(protocol, Request):
            gate: Any = self._gates.setdefault(protocol, Gate())
            cast("Any", protocol).registerProducer(gate, True)
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Hand a message to the connection, then wait until it takes more."""
        if message["type"] == ABORT:
            if protocol.channel is not None:
                protocol.channel.forceAbortClient()
            return
        if message["type"] == "http.response.body" and not message.get("more_body") and protocol.channel is not None:
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        gate = self._gates.get(protocol)
        if gate is not None:
            await gate.passed()

    def _begin_to_stop(self) -> None:
        from proxy import lifespan

        if lifespan.is_stopping():
            return
        lifespan.begin_to_stop()
        for port in self._ports:
            port.stopListening()
        asyncio.ensure_future(self._stop_when_idle())  # noqa: RUF006 - the loop ends with it

    async def _stop_when_idle(self) -> None:
        from proxy import lifespan

        deadline = time.monotonic() + GRACE_S
        while self._is_answering() and time.monotonic() < deadline:  # noqa: ASYNC110 - Daphne tells nobody of a change
            await asyncio.sleep(POLL_S)
        await lifespan.stopped()
        self.stop()

    def _is_answering(self) -> bool:
        return any(isinstance(p, Request) and "disconnected" not in times for p, times in self.connections.items())


def main(arguments: Sequence[str]) -> None:
    """Serve with the server that the settings name."""
    parser = argparse.ArgumentParser(prog="python -m ibex.server", description="One web process of IBEX.")
    parser.add_argument("--listen", type=int, metavar="FD", help="take callers from this inherited socket")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="answer at this Unix socket as well")
    asked = parser.parse_args(arguments)
    if asked.listen is None:
        os.environ.setdefault("IBEX_WEB_PROCESSES", "1")  # nobody shares the port, unless somebody says so
    settings = env()
    sockets = _sockets(settings, asked.listen, asked.socket)
    if settings.server == "uvicorn":
        _uvicorn(sockets)
        return
    from ibex.asgi import application

    Server(application, sockets).run()


def _sockets(settings: Env, inherited: int | None, own: Path | None) -> list[socket.socket]:
    """What to serve at. Ends the process with a sentence when it cannot be had."""
    try:
        listener = bound(settings.host, settings.port) if inherited is None else socket.socket(fileno=inherited)
    except PortUnusable as error:
        sys.exit(str(error))
    sockets = [listener]
    if own:
        own.unlink(missing_ok=True)  # of a process that was killed
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(str(own))
    try:
        for each in sockets:
            each.listen(BACKLOG)
            each.setblocking(False)
    except OSError as error:
        sys.exit(unusable(settings.host, settings.port, error))
    return sockets


def _uvicorn(sockets: list[socket.socket]) -> None:
    import uvicorn

    config = uvicorn.Config(
        "ibex.asgi:application",
        backlog=BACKLOG,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(GRACE_S),
    )
    uvicorn.Server(config).run(sockets)


if __name__ == "__main__":
    main(sys.argv[1:])
