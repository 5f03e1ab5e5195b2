"""What `manage.py up` keeps running, and in which order it stops."""

from __future__ import annotations

import http.client
import signal
import sys
from enum import IntEnum
from functools import partial

from ibex.embedded.postgres import STOP_GRACE_S as POSTGRES_STOP_GRACE_S
from ibex.embedded.postgres import Postgres
from ibex.embedded.process import Program
from ibex.embedded.supervisor import Service
from ibex.embedded.valkey import STOP_GRACE_S as VALKEY_STOP_GRACE_S
from ibex.embedded.valkey import Valkey
from ibex.env import REPOSITORY, Env

RECOVERY_TIMEOUT_S = 600.0
"""A killed server replays its log before it is ready: at most what `max_wal_size` lets pile up."""
WEB_STOP_GRACE_S = 5.0
"""For the answers that are under way: Ctrl-C is promised to end within 10 s, all graces of the stages together."""
WORKERS_STOP_GRACE_S = 3.0
"""What they could not finish is taken up again: journal entries and tasks are acknowledged when done."""
HEALTH_TIMEOUT_S = 2.0
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, never bound here


class Stage(IntEnum):
    """Callers first stop being served, then the work behind them ends, then the servers."""

    SERVERS = 0
    WORKERS = 1
    WEB = 2


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


def web(env: Env) -> Service:
    """The ASGI server."""
    return Service(
        name="web",
        program=partial(_python, "-m", "ibex.server"),
        ready=lambda _pid: is_ready(env.host, env.port),
        stage=Stage.WEB,
        stop_grace_s=WEB_STOP_GRACE_S,
    )


def is_ready(host: str, port: int) -> bool:
    """Whether GET /ready answers 200: the servers answer it, and its model is warm."""
    connection = http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=HEALTH_TIMEOUT_S)
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
