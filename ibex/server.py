"""The web process: `python -m ibex.server`.

It serves HTTP itself (`ibex.serving`): Daphne and Twisted took a tenth of a call's CPU more, and lacked much of this.

* A reader slower than the provider holds the provider up, instead of filling this process's memory.
* A broken-off answer is broken off for the caller too, instead of being ended as if it were whole.
* A caller can fill neither memory nor disk with what they send.
* SIGTERM lets what is being answered finish: readiness goes false and nobody new is let in.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ibex.settings")
if __name__ == "__main__":
    # Only the process that serves pools: a pool does not survive the forks of workers, which inherit the environment of
    # whoever else imports this module.
    os.environ.setdefault("IBEX_PAGE_CONNECTIONS", "8")
# numpy only compares short vectors here: threads of its own would cost memory and take turns with the callers' thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import uvloop

from ibex.env import Env, env
from ibex.port import BACKLOG, PortUnusable, bound, unusable
from ibex.serving.connection import Connections
from ibex.serving.door import Door
from ibex.serving.exchange import Application

GRACE_S = 30.0
"""How long streams that are running may take to finish."""
POLL_S = 0.01
OTHERS_SERVE_S = 10.0
"""How long a process that has others beside it takes nobody while it warms up; they may all have just been started."""


class Server:
    """Takes callers from sockets of ours until it is told to stop."""

    def __init__(self, application: Application, sockets: Sequence[socket.socket]) -> None:
        self._connections = Connections(application)
        self._sockets = sockets

    async def run(self) -> None:
        """Serve until told to stop, then let what is being answered finish."""
        loop, told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told_to_stop.set)
        doors = [Door(listener, self._connections) for listener in self._sockets]
        opening = [asyncio.create_task(self._open(door)) for door in doors]
        await told_to_stop.wait()
        for door, task in zip(doors, opening, strict=True):
            task.cancel()
            door.close()
        await self._finish()

    async def _open(self, door: Door) -> None:
        """Take callers: at once when nobody else does, else when this process can serve them as well as the others."""
        from proxy import lifespan

        deadline = time.monotonic() + OTHERS_SERVE_S * (door.is_shared and env().web_processes > 1)
        while not lifespan.is_warm() and time.monotonic() < deadline:  # noqa: ASYNC110 - /ready warms it, and tells nobody
            await asyncio.sleep(POLL_S)
        door.open()

    async def _finish(self) -> None:
        from proxy import lifespan

        lifespan.begin_to_stop()
        self._connections.finish()
        deadline = time.monotonic() + GRACE_S
        while self._connections.is_answering and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells of a change
            await asyncio.sleep(POLL_S)
        await lifespan.stopped()


def main(arguments: Sequence[str]) -> None:
    """Serve at the address of the settings, or where the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m ibex.server", description="One web process of IBEX.")
    parser.add_argument("--listen", type=int, metavar="FD", help="take callers from this inherited socket")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="answer at this Unix socket as well")
    asked = parser.parse_args(arguments)
    if asked.listen is None:
        os.environ.setdefault("IBEX_WEB_PROCESSES", "1")  # nobody shares the port, unless somebody says so
    settings = env()
    sockets = _sockets(settings, asked.listen, asked.socket)
    from ibex.asgi import application

    async def serve() -> None:
        await Server(application, sockets).run()

    uvloop.run(serve())


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


if __name__ == "__main__":
    main(sys.argv[1:])
