"""The web process: `python -m ibex.server`. Daphne with four things that it lacks, or uvicorn.

* Back-pressure: a reader slower than the provider holds the provider up, instead of filling this process's memory.
* A broken-off answer is broken off for the caller too, instead of being ended as if it were whole.
* A caller can neither choose where the application is mounted nor fill the disk with a body.
* SIGTERM lets what is being answered finish: readiness goes false and nobody new is let in.
"""

# ruff: noqa: E402 - Daphne makes its event loop when it is imported, so the kind of loop is chosen before
from __future__ import annotations

import asyncio
import os
import signal
import time
from functools import partial
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
from twisted.internet import reactor
from twisted.internet.interfaces import IPushProducer
from twisted.web.http import Request
from zope.interface import implementer

from ibex.env import Env, env

GRACE_S = 30.0
"""How long streams that are running may take to finish."""
POLL_S = 0.05
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


class Server(Daphne):
    """Daphne, with back-pressure, aborts and a graceful stop."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ports: list[Any] = []
        self._gates: WeakKeyDictionary[Any, Gate] = WeakKeyDictionary()

    def run(self) -> None:
        """Serve until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: reactor.callFromThread(self._begin_to_stop))
        super().run()

    def listen_success(self, port: Any) -> None:
        """Keep the port, to close it before the connections."""
        self._ports.append(port)
        super().listen_success(port)

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


def main() -> None:
    """Serve with the server that the settings name."""
    settings = env()
    if settings.server == "uvicorn":
        _uvicorn(settings)
        return
    from ibex.asgi import application

    endpoint = f"tcp:port={settings.port}:interface={settings.host}"
    Server(application, endpoints=[endpoint], signal_handlers=False, server_name="", verbosity=0).run()


def _uvicorn(settings: Env) -> None:
    import uvicorn

    uvicorn.run(
        "ibex.asgi:application",
        host=settings.host,
        port=settings.port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(GRACE_S),
    )


if __name__ == "__main__":
    main()
