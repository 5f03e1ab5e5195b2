"""`manage.py dump FILE` and `manage.py restore FILE`: the embedded database as one file.

This is how data moves to another major version of PostgreSQL: dump with the old IBEX, restore with the new one. The
secrets beside the database are not in the file; keep `secrets.json`, or `IBEX_SECRET_KEY`.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from ibex.core.secrets import Secrets, load_or_create
from ibex.embedded.addresses import Addresses, resolve
from ibex.embedded.errors import StartError
from ibex.embedded.layout import Layout
from ibex.embedded.lock import only_one
from ibex.embedded.logs import Logs
from ibex.embedded.postgres import Postgres
from ibex.embedded.process import SERVER_ENVIRONMENT
from ibex.embedded.programs import postgres_programs
from ibex.embedded.provision import provision
from ibex.embedded.temporary import running
from ibex.embedded.up import say
from ibex.env import env


def dump(file: Path) -> str:
    """Write the whole database into `file`, readable by this user only, and say so. Raises StartError."""
    layout, secrets = _installation()
    if file.exists():
        raise StartError(f"{file} exists already: choose another name.")
    with only_one(layout.lock, say), _database(layout, secrets) as addresses:
        _run("pg_dump", addresses, "--format=custom", f"--file={file.absolute()}")
    return f"Dumped the database into {file}"


def restore(file: Path) -> str:
    """Replace the database by the content of `file`, and say where the replaced one is kept. Raises StartError."""
    layout, secrets = _installation()
    if not file.exists():
        raise StartError(f"{file} does not exist.")
    data = layout.postgres / "data"
    with only_one(layout.lock, say), _put_aside(data) as before, _database(layout, secrets) as addresses:
        provision(addresses, makes_roles=True)
        _run("pg_restore", addresses, "--single-transaction", "--exit-on-error", str(file.absolute()))
    return f"Restored {file}" + (f"; what was there before is in {before}" if before else "")


def _installation() -> tuple[Layout, Secrets]:
    if env().database_url.get_secret_value():
        raise StartError("DATABASE_URL is set: use pg_dump and pg_restore of that PostgreSQL.")
    layout = Layout(env().data_dir.absolute())
    secrets = load_or_create(layout.data_dir)
    layout.make()
    return layout, secrets


@contextmanager
def _database(layout: Layout, secrets: Secrets) -> Iterator[Addresses]:
    postgres = Postgres(layout=layout, password=secrets.postgres_password)
    try:
        postgres.create()
        postgres.clear_leftovers()
        with running("postgres", postgres.program(), postgres.ready, Logs(layout.logs)):
            yield resolve()
    finally:
        postgres.close()


@contextmanager
def _put_aside(data: Path) -> Iterator[Path | None]:
    """Move the data folder out of the way, and back when the block fails."""
    before = data.with_name(f"data.before-{time.strftime('%Y%m%d-%H%M%S')}") if data.exists() else None
    if before:
        data.rename(before)
    succeeded = False
    try:
        yield before
        succeeded = True
    finally:
        if not succeeded:
            shutil.rmtree(data, ignore_errors=True)
            if before:
                before.rename(data)


def _run(program: str, addresses: Addresses, *options: str) -> None:
    """Run one of PostgreSQL's own tools as the superuser; the password is in no process list."""
    parts = conninfo_to_dict(addresses.admin_url)
    place = [f"--host={parts['host']}", f"--port={parts['port']}", f"--username={parts['user']}"]
    try:
        subprocess.run(
            [postgres_programs(None) / program, *place, f"--dbname={parts['dbname']}", *options],
            check=True,
            env={**SERVER_ENVIRONMENT, "PGPASSWORD": str(parts["password"])},
            capture_output=True,
            text=True,
            umask=0o077,
        )
    except subprocess.CalledProcessError as error:
        raise StartError(f"{program} failed: {error.stderr.strip().splitlines()[0]}") from error
