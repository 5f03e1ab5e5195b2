"""What `manage.py up` keeps running, and in which order it stops."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
from dataclasses import replace
from enum import IntEnum
from functools import partial
from pathlib import Path

from ibex.embedded.layout import Layout
from ibex.embedded.postgres import STOP_GRACE_S as POSTGRES_STOP_GRACE_S
from ibex.embedded.postgres import Postgres
from ibex.embedded.process import Program
from ibex.embedded.supervisor import Service
from ibex.embedded.valkey import STOP_GRACE_S as VALKEY_STOP_GRACE_S
from ibex.embedded.valkey import Valkey
from ibex.env import REPOSITORY, env

RECOVERY_TIMEOUT_S = 600.0
"""A killed server replays its log before it is ready: at most what `max_wal_size` lets pile up."""
WEB_STOP_GRACE_S = 5.0
"""For the answers that are under way: Ctrl-C is promised to end within 10 s, all graces of the stages together."""
WORKERS_STOP_GRACE_S = 3.0
"""What they could not finish is taken up again: journal entries and tasks are acknowledged when done."""
HEALTH_TIMEOUT_S = 2.0


CONNECTIONS_DEFAULT = 100
"""PostgreSQL's own `max_connections`."""
CONNECTIONS_WEB = 24
"""Of one web process at most: 12 for calls (`ibex.core.database`), 10 for pages, one to ask whether anybody answers."""
CONNECTIONS_WORKER = 3
CONNECTIONS_BESIDE = 25
"""The drain, the workers' own supervisor, commands by hand, and those that PostgreSQL keeps for its superuser."""


class Stage(IntEnum):
    """Callers first stop being served, then the work behind them ends, then the servers."""

    SERVERS = 0
    WORKERS = 1
    WEB = 2


def connections() -> dict[str, str]:
    """PostgreSQL's setting for as many processes as there are to be, where its own hundred are too few."""
    needed = CONNECTIONS_BESIDE + env().web_processes * CONNECTIONS_WEB + env().workers * CONNECTIONS_WORKER
    return {"max_connections": str(needed)} if needed > CONNECTIONS_DEFAULT else {}


def postgres(server: Postgres) -> Service:
    """The embedded PostgreSQL."""
    return Service(
        name="postgres",
        program=server.program,
        before=server.clear_leftovers,
        ready=server.ready,
        ready_timeout_s=RECOVERY_TIMEOUT_S,
        stage=Stage.SERVERS,
        stop_grace_s=POSTGRES_STOP_GRACE_S,
    )


def valkey(server: Valkey) -> Service:
    """The embedded Valkey."""
    return Service(
        name="valkey",
        program=server.program,
        ready=server.ready,
        ready_timeout_s=RECOVERY_TIMEOUT_S,
        stage=Stage.SERVERS,
        stop_grace_s=VALKEY_STOP_GRACE_S,
    )


def prepare() -> Service:
    """Migrations, and the first organization where there is none: run once before the others."""
    return _management("prepare")


def drain() -> Service:
    """Moves the turn journal into the database."""
    return _management("drain")


def worker() -> Service:
    """django-q2's cluster of IBEX_WORKERS processes."""
    return _management("worker")


def web(listener: socket.socket, layout: Layout, number: int) -> Service:
    """One of the ASGI servers that take callers from `listener`: `web`, `web-2` and so on."""
    name = "web" if number == 1 else f"web-{number}"
    own = layout.web_socket(name)
    return Service(
        name=name,
        program=lambda: web_program(listener, own),
        ready=lambda _pid: is_ready(own),
        stage=Stage.WEB,
        stop_grace_s=WEB_STOP_GRACE_S,
    )


def web_program(listener: socket.socket, own: Path) -> Program:
    """A web process that takes callers from `listener`, beside others, and alone answers at the Unix socket `own`."""
    port = listener.fileno()
    return replace(_python("-m", "ibex.server", "--listen", str(port), "--socket", str(own)), open_files=(port,))


class _Local(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=HEALTH_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def is_ready(own: Path) -> bool:
    """Whether the web process of this socket answers GET /ready by 200: the servers answer it, its model is warm."""
    connection = _Local(own)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _management(command: str) -> Service:
    return Service(
        name=command,
        program=partial(_python, "manage.py", command),
        stage=Stage.WORKERS,
        stop_grace_s=WORKERS_STOP_GRACE_S,
    )


def _python(*arguments: str) -> Program:
    """Unbuffered, so that a log tells what happened before a crash."""
    return Program(argv=[sys.executable, "-u", *arguments], folder=REPOSITORY, stop_signal=signal.SIGTERM)
