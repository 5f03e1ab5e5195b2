"""The embedded PostgreSQL: its data folder, its settings, how it starts and how to know that it is ready.

PostgreSQL refuses to run as root, and root's folders are closed to every other account. So as root it runs as `nobody`
and reaches its two folders through descriptors that it inherits (`/proc/self/fd/N`): nothing above them is opened up.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ibex.embedded.addresses import ADMIN_ROLE
from ibex.embedded.errors import StartError
from ibex.embedded.layout import POSTGRES_PORT, Layout
from ibex.embedded.process import SERVER_ENVIRONMENT, Account, Program, run_as, server_account
from ibex.embedded.programs import postgres_programs

STOP_GRACE_S = 30.0
"""A fast shutdown ends transactions and writes a checkpoint; killed sooner it only has to recover at the next start."""
ORPHANS_GRACE_S = 10.0
"""How long the processes of a killed server may take to notice it."""
SHARED_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - only its size is read
SHARED_MEMORY_BYTES_MIN = 1 << 30
"""Containers often have 64 MiB there, and a parallel index build needs `maintenance_work_mem`."""

TUNING: Mapping[str, str] = {
    "effective_cache_size": "8GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_locks_per_transaction": "256",
}
"""For 2 cores and 24 GiB that others share; written to postgresql.conf once, where an operator may change it. A plan
locks every index of its tables, and locks beyond the setting's number are dear: large agents have indexes of their own.
"""
BUFFERS_SHARE = 1 / 8
"""Of the machine's memory, for the server's own cache: what is not touched takes none."""
BUFFERS_MIB_MIN, BUFFERS_MIB_MAX = 128, 2_048
"""The search indexes and rows of an agent with 100,000 memories in a table of a million fit into the most."""

FOR_TESTS: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
"""Settings of a server whose data nobody will miss."""

_CONTENT_STAYS_OUT_OF_LOGS: Mapping[str, str] = {
    # A failed statement's text and its DETAIL carry values; the client gets both, and no log may.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
}


@dataclass(slots=True, kw_only=True)
class Postgres:
    """One server on one data folder. Call `create` once, then start `program()` as often as it takes."""

    layout: Layout
    password: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    _account: Account | None = None
    _programs: Path = Path()
    _open: dict[Path, int] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.layout.postgres / "data"

    def create(self) -> bool:
        """Find the programs and make the data folder when there is none; says whether it did. Raises StartError."""
        self._account = server_account(self.layout.postgres)
        if self._account is None and os.geteuid() == 0:
            raise StartError(
                "PostgreSQL does not run as root and this machine has no account `nobody`: run IBEX as a user."
            )
        self._programs = postgres_programs(self._account)
        for folder in (self.layout.postgres, self.layout.postgres_sockets):
            _give(folder, self._account)
        if self.data.exists():
            self._check_version()
            return False
        self._initialise()
        return True

    def program(self) -> Program:
        """How to start the server."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": _quoted(self._reachable(self.layout.postgres_sockets)),
            "port": str(POSTGRES_PORT),
            "cluster_name": self._name(),
            "dynamic_shared_memory_type": _shared_memory_type(),
            **_CONTENT_STAYS_OUT_OF_LOGS,
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            argv=[self._programs / "postgres", "-D", f"{self._reachable(self.layout.postgres)}/data", *options],
            environment=SERVER_ENVIRONMENT,
            account=self._account,
            open_files=tuple(self._open.values()),
            stop_signal=signal.SIGINT,
        )

    def ready(self, pid: int) -> bool:
        """Whether the server with this process id says in its pid file that it takes connections."""
        lines = self._pid_file_lines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def clear_leftovers(self) -> None:
        """Remove what a killed server left, so that its old process id, which may be anyone's now, stops nobody.

        Raises StartError when a server still runs on this folder.
        """
        lines = self._pid_file_lines()
        if not lines:
            return
        pid = int(lines[0]) if lines[0].isdigit() else 0
        if pid and self._is_ours(pid):
            raise StartError(
                f"A PostgreSQL (process {pid}) already runs on {self.data}: stop it with `kill -INT {pid}`."
            )
        if len(lines) > 6:
            _wait_until_detached(lines[6])
        for leftover in [self.data / "postmaster.pid", *self.layout.postgres_sockets.glob(".s.PGSQL.*")]:
            leftover.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the descriptors of the folders."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _initialise(self) -> None:
        """Make a whole data folder or none: a killed initdb leaves only a draft, which the next one throws away."""
        draft, password_file = self.layout.postgres / "data.new", self.layout.postgres / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password_file.touch(mode=0o600)
        _give(password_file, self._account)
        password_file.write_text(self.password)
        inside = self._reachable(self.layout.postgres)
        argv = [
            *(self._programs / "initdb", "-D", f"{inside}/data.new"),
            *("--username", ADMIN_ROLE, f"--pwfile={inside}/password"),
            *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--no-instructions", "--no-sync" if self.settings.get("fsync") == "off" else "--sync-method=fsync"),
            f"--set=shared_buffers={_buffers_mib()}MB",
            *(f"--set={name}={value}" for name, value in TUNING.items()),
        ]
        try:
            run_as(self._account, argv, tuple(self._open.values()))
        except subprocess.CalledProcessError as error:
            raise StartError(f"PostgreSQL could not make {self.data}: {_complaint(error.stdout)}") from error
        finally:
            password_file.unlink()
        draft.rename(self.data)

    def _check_version(self) -> None:
        found = _read(self.data / "PG_VERSION").strip()
        ours = run_as(self._account, [self._programs / "postgres", "--version"]).split()[-1].partition(".")[0]
        if found != ours:
            raise StartError(
                f"{self.data} was made by PostgreSQL {found or '(unknown)'} and this IBEX carries PostgreSQL {ours}: "
                "dump it with the old version and restore it into a new folder, or set IBEX_DATA_DIR to another one."
            )

    def _reachable(self, folder: Path) -> str:
        """The folder's path as the server's account can use it."""
        if self._account is None:
            return str(folder)
        if folder not in self._open:
            self._open[folder] = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._open[folder]}"

    def _name(self) -> str:
        """Shown in process lists, and how a server of this folder is recognised there."""
        return "ibex-" + hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]

    def _is_ours(self, pid: int) -> bool:
        """Whether the process is a PostgreSQL on this data folder: by our name for it, or by where it works."""
        if self._name() in _read(Path(f"/proc/{pid}/cmdline")):
            return True
        with suppress(OSError):
            return Path(f"/proc/{pid}/cwd").samefile(self.data)
        return False

    def _pid_file_lines(self) -> list[str]:
        return _read(self.data / "postmaster.pid").splitlines()


def _give(path: Path, account: Account | None) -> None:
    if account is None:
        return
    try:
        if path.stat().st_uid != account.uid:
            os.chown(path, account.uid, account.gid)
    except OSError as error:
        raise StartError(
            f"{path} cannot be given to the account {account.name} ({error.strerror}): run IBEX as an ordinary user."
        ) from error


def _quoted(folder: str) -> str:
    """One entry of a PostgreSQL list of folders, where a comma would end it."""
    return '"' + folder.replace('"', '""') + '"'


def _shared_memory_type() -> str:
    with suppress(OSError):
        if shutil.disk_usage(SHARED_MEMORY_FOLDER).total >= SHARED_MEMORY_BYTES_MIN:
            return "posix"
    return "mmap"


def _buffers_mib() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(min(max(memory * BUFFERS_SHARE / (1 << 20), BUFFERS_MIB_MIN), BUFFERS_MIB_MAX))


def _wait_until_detached(shared_memory: str) -> None:
    """Wait while processes of the killed server still hold its segment (`key id` in the pid file)."""
    identifier = shared_memory.split()[-1:]
    deadline = time.monotonic() + ORPHANS_GRACE_S
    while time.monotonic() < deadline:
        rows = [row.split() for row in _read(Path("/proc/sysvipc/shm")).splitlines()[1:]]
        if not any(row[1:2] == identifier and int(row[6]) > 0 for row in rows):
            return
        time.sleep(0.05)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _complaint(output: str) -> str:
    lines = [line for line in output.strip().splitlines() if "error" in line.lower()] or output.strip().splitlines()
    return lines[0] if lines else "it gave no reason."
