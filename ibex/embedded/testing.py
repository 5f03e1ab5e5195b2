"""Servers for one test run: their own folder, their own sockets, gone at the end.

`python -m ibex.embedded.testing COMMAND…` runs a command against such servers.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ibex.core.secrets import Secrets, private_folder
from ibex.embedded.addresses import Addresses, embedded_database, embedded_redis
from ibex.embedded.errors import StartError
from ibex.embedded.layout import SHORT_FOLDER, Layout
from ibex.embedded.postgres import FOR_TESTS, Postgres
from ibex.embedded.process import Program, end_group, launch
from ibex.embedded.provision import provision
from ibex.embedded.valkey import Valkey

READY_TIMEOUT_S = 60.0
READY_POLL_S = 0.01
_DATABASE_URLS = ("admin_url", "owner_url", "app_url", "system_url")


@contextmanager
def embedded_servers(folder: Path | None = None) -> Iterator[Addresses]:
    """A PostgreSQL and a Valkey, provisioned, in `folder` or in a temporary one that is removed at the end.

    Call from the main thread: the servers are killed when that thread ends, also by `kill -9`.
    """
    home = folder or Path(tempfile.mkdtemp(prefix="ibex-test-", dir=SHORT_FOLDER))
    layout = Layout(private_folder(home))
    layout.make()
    keys = Secrets(**{part.name: secrets.token_urlsafe() for part in fields(Secrets)})
    postgres = Postgres(layout=layout, password=keys.postgres_password, settings=FOR_TESTS)
    valkey = Valkey(layout=layout, password=keys.redis_password)
    addresses = Addresses(
        secret_key=keys.secret_key, redis_url=embedded_redis(layout, keys), **embedded_database(layout, keys)
    )
    try:
        valkey.create()
        postgres.create()
        with _running(valkey.program(), valkey.ready, layout), _running(postgres.program(), postgres.ready, layout):
            provision(addresses, makes_roles=True)
            yield addresses
    finally:
        postgres.close()
        if folder is None:
            shutil.rmtree(layout.run, ignore_errors=True)
            shutil.rmtree(home, ignore_errors=True)


def another_database(addresses: Addresses, name: str) -> Addresses:
    """A second database on the same server, provisioned like the first: one for each parallel test process."""
    other = replace(addresses, **{key: _named(getattr(addresses, key), name) for key in _DATABASE_URLS})
    provision(other, makes_roles=True)
    return other


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def _running(program: Program, ready: Callable[[int], bool], layout: Layout) -> Iterator[None]:
    log = layout.logs / f"{Path(program.argv[0]).name}.log"
    with log.open("wb") as output:
        process = launch(program, output)
    try:
        _wait_until_ready(process, ready, log)
        yield
    finally:
        process.send_signal(program.stop_signal)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_group(process)


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[int], bool], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartError(f"A server for the tests did not start:\n{log.read_text(errors='replace')}")
        time.sleep(READY_POLL_S)


def main(command: list[str]) -> int:
    """Run `command` with fresh servers in its environment and return its exit code."""
    with embedded_servers() as addresses:
        os.environ.update(addresses.environment())
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
