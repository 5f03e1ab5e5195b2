"""`manage.py up`: everything IBEX needs, in one foreground process tree."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ibex import __version__
from ibex.core.secrets import Secrets, load_or_create
from ibex.embedded import services
from ibex.embedded.addresses import makes_roles, resolve
from ibex.embedded.errors import StartError
from ibex.embedded.layout import Layout
from ibex.embedded.lock import only_one
from ibex.embedded.logs import Logs
from ibex.embedded.postgres import Postgres
from ibex.embedded.prepared import Stamp
from ibex.embedded.provision import provision
from ibex.embedded.supervisor import Service, Supervisor
from ibex.embedded.valkey import Valkey
from ibex.embedded.welcome import welcome
from ibex.env import env
from ibex.port import PortUnusable, bound

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, never bound here
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up() -> None:
    """Run until Ctrl-C. Raises StartError or SecretsError, one sentence, when it cannot start or cannot go on."""
    layout = Layout(env().data_dir.absolute())
    secrets = load_or_create(layout.data_dir)
    layout.make()
    with only_one(layout.lock, say) as lock, _port() as listener:
        _share_metrics(layout)
        asyncio.run(_run(layout, secrets, lock, listener))


async def _run(layout: Layout, secrets: Secrets, lock: int, listener: socket.socket) -> None:
    supervisor = Supervisor(logs=Logs(layout.logs), say=say, open_files=(lock,))
    stop = asyncio.Event()
    for stop_signal in STOP_SIGNALS:
        if not (stop_signal == signal.SIGHUP and signal.getsignal(stop_signal) == signal.SIG_IGN):  # nohup
            asyncio.get_running_loop().add_signal_handler(stop_signal, stop.set)
    work = asyncio.create_task(_serve(supervisor, layout, secrets, listener))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        listener.close()  # the web processes have it too; when they have closed it, callers are refused at once
        begun = time.monotonic()
        if await supervisor.stop(work):
            say(f"Stopped in {time.monotonic() - begun:.1f} s.")
    if not work.cancelled():
        work.result()


async def _serve(supervisor: Supervisor, layout: Layout, secrets: Secrets, listener: socket.socket) -> None:
    """Start everything in order, say where it is, and go on until something cannot be kept running."""
    say(f"IBEX {__version__}")
    is_first = not layout.first_run.exists()
    begun = time.monotonic()
    if not env().database_url.get_secret_value():
        with _timed("PostgreSQL"):
            postgres = Postgres(layout=layout, password=secrets.postgres_password, settings=services.connections())
            await asyncio.to_thread(postgres.create)
            await supervisor.start(services.postgres(postgres))
    if not env().redis_url.get_secret_value():
        with _timed("Valkey"):
            valkey = Valkey(layout=layout, password=secrets.redis_password)
            valkey.create()
            await supervisor.start(services.valkey(valkey))
    with _timed("Roles"):
        addresses = resolve()
        await asyncio.to_thread(provision, addresses, makes_roles=makes_roles())
    first, *others = [services.web(listener, layout, number + 1) for number in range(env().web_processes)]
    await _prepare_and_serve(supervisor, first, Stamp(layout.data_dir / "prepared", addresses.owner_url))
    await supervisor.start(services.drain())
    await supervisor.start(services.worker())
    say(welcome(layout.first_run, _base_url(), is_first=is_first))
    say(f"Ready in {time.monotonic() - begun:.1f} s. Logs are in {layout.logs}. Ctrl-C stops everything.")
    await supervisor.start(*others)  # the first answers everybody: started together, each would take twice as long
    await supervisor.broken()


async def _prepare_and_serve(supervisor: Supervisor, web: Service, stamp: Stamp) -> None:
    """Migrate, then start the web process; both at once where there is nothing to migrate."""
    prepared = asyncio.create_task(supervisor.run(services.prepare()))
    try:
        if not stamp.is_current():
            with _timed("Database"):
                await prepared
        with _timed("Web server"):
            await supervisor.start(web)
            await prepared
    finally:
        prepared.cancel()
        await asyncio.gather(prepared, return_exceptions=True)
    stamp.renew()


@contextmanager
def _port() -> Iterator[socket.socket]:
    """Hold the web processes' port from the first moment, to say now, and not later, that somebody else has it."""
    try:
        listener = bound(env().host, env().port)
    except PortUnusable as error:
        raise StartError(str(error)) from error
    with listener:
        yield listener


def _share_metrics(layout: Layout) -> None:
    """Give every process that is started one empty folder to count in."""
    shutil.rmtree(layout.metrics, ignore_errors=True)
    os.environ[METRICS_FOLDER] = str(layout.metrics)


def _base_url() -> str:
    host = ANY_ADDRESS.get(env().host, env().host)
    return env().base_url.rstrip("/") or f"http://{f'[{host}]' if ':' in host else host}:{env().port}"


@contextmanager
def _timed(what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    say(f"  {what:<10} {time.monotonic() - begun:5.1f} s")


def say(text: str) -> None:
    """One line for the terminal."""
    with suppress(OSError):  # a terminal that was closed must not keep anything from stopping
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
