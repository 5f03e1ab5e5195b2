"""Servers for one test run: their own folder, their own sockets, gone at the end.

`python -m ibex.embedded.testing COMMAND…` runs a command against such servers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ibex.core.secrets import load_or_create
from ibex.embedded.addresses import Addresses, embedded_database, embedded_redis
from ibex.embedded.layout import SHORT_FOLDER, Layout
from ibex.embedded.logs import Logs
from ibex.embedded.postgres import FOR_TESTS, Postgres
from ibex.embedded.provision import provision
from ibex.embedded.temporary import running
from ibex.embedded.valkey import Valkey

_DATABASE_URLS = ("admin_url", "owner_url", "app_url", "system_url")


@contextmanager
def embedded_servers(folder: Path | None = None, settings: Mapping[str, str] = FOR_TESTS) -> Iterator[Addresses]:
    """A PostgreSQL and a Valkey, provisioned, in `folder` or in a temporary one that is removed at the end.

    A folder keeps its data; `settings` are PostgreSQL's, none for those of a real installation. Call from the main
    thread: the servers are killed when that thread ends, also by `kill -9`.
    """
    home = folder or Path(tempfile.mkdtemp(prefix="ibex-test-", dir=SHORT_FOLDER))
    layout = Layout(home)
    layout.make()
    logs = Logs(layout.logs)
    keys = load_or_create(home)
    postgres = Postgres(layout=layout, password=keys.postgres_password, settings=settings)
    valkey = Valkey(layout=layout, password=keys.redis_password)
    addresses = Addresses(
        secret_key=keys.secret_key, redis_url=embedded_redis(layout, keys), **embedded_database(layout, keys)
    )
    try:
        valkey.create()
        postgres.create()
        with (
            running("valkey", valkey.program(), valkey.ready, logs),
            running("postgres", postgres.program(), postgres.ready, logs),
        ):
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


def main(command: list[str]) -> int:
    """Run `command` with fresh servers in its environment and return its exit code."""
    with tempfile.TemporaryDirectory(prefix="ibex-test-data-") as folder, embedded_servers() as addresses:
        os.environ.update(addresses.environment() | {"IBEX_DATA_DIR": folder})
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
