"""`manage.py up` on a data folder of its own: its processes, its vault, its journal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from ibex.core.secrets import load_or_create
from ibex.embedded.addresses import embedded_database, embedded_redis
from ibex.embedded.layout import Layout
from tests.embedded.conftest import alive, bare_environment
from tests.flow.conftest import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 150
"""For a part to be back: the machine may be busy with other things."""
STREAM = "ibex:journal"
DEAD_LETTERS = "*journal:dead*"
UNLIMITED = 10_000_000
"""Calls a minute: what is tested here is not the limit."""
NAMES = {
    "web": "/web.sock",
    "web-2": "/web-2.sock",
    "drain": "manage.py drain",
    "worker": "manage.py worker",
    "valkey": "valkey-server",
    "postgres": "bin/postgres",
}
"""What a part's command line holds; two web processes, on whatever machine."""


@dataclass
class Installation:
    """A running IBEX whose provider is `provider_url`."""

    folder: Path
    provider_url: str
    port: int = field(default_factory=free_port)
    up: subprocess.Popen[bytes] | None = None

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.folder / "data")

    @property
    def spool(self) -> Path:
        return self.layout.data_dir / "spool"

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text()

    def start(self) -> None:
        """Return when everything answers."""
        environment = bare_environment(
            IBEX_DATA_DIR=self.layout.data_dir,
            IBEX_PORT=self.port,
            IBEX_WEB_PROCESSES=2,
            IBEX_MODEL_DIR=ROOT / ".cache" / "models",
            OPENAI_BASE_URL=self.provider_url,
            OPENAI_API_KEY="sk-chaos",
        )
        with (self.folder / "output").open("wb") as output:
            self.up = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=output, stderr=output
            )
        wait_for(lambda: "Ready in" in self.said or self.up.poll() is not None, seconds=PATIENCE_S, what="a start")
        assert self.up.poll() is None, self.said

    def stop(self) -> None:
        """End everything and remove what is outside the folder."""
        if self.up and self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.up.wait(timeout=60)
        self.kill_everything()
        shutil.rmtree(self.layout.run, ignore_errors=True)  # it may be a short folder elsewhere

    def kill_everything(self) -> None:
        """`kill -9` of the supervisor and all that it started: every one of them has inherited the lock."""
        for pid in [self.up.pid, *self._holders_of_the_lock()] if self.up else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.up:
            self.up.wait()

    def pid(self, part: str) -> int:
        """The process that the supervisor has started for `part`; 0 while there is none."""
        children = Path(f"/proc/{self.up.pid}/task/{self.up.pid}/children").read_text().split()
        return next((int(pid) for pid in children if NAMES[part] in command(pid) and alive(int(pid))), 0)

    def is_ready(self) -> bool:
        """Whether callers are served and all parts run."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as answer:
                return answer.status == 200 and all(map(self.pid, NAMES))
        except (urllib.error.URLError, OSError):
            return False

    def facts(self) -> dict[str, str]:
        return json.loads(self.layout.first_run.read_text())

    def ask_vault(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Rows across all tenants, as the server's own superuser."""
        secrets = load_or_create(self.layout.data_dir)
        with psycopg.connect(embedded_database(self.layout, secrets)["admin_url"], autocommit=True) as connection:
            cursor = connection.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else []

    def lift_limits(self) -> None:
        """Let every organization call as often as it likes."""
        self.ask_vault("UPDATE agents_organization SET requests_per_minute = %s", UNLIMITED)

    def redis(self) -> Redis:
        """A client of the embedded Valkey."""
        return Redis.from_url(embedded_redis(self.layout, load_or_create(self.layout.data_dir)))

    def spooled(self) -> Sequence[Path]:
        """The spool's files."""
        return sorted(self.spool.glob("*")) if self.spool.exists() else []

    def waiting_turns(self) -> int:
        """What the drain has still to do: entries of the stream, files of the spool."""
        with self.redis() as redis:
            return len(self.spooled()) + int(redis.xlen(STREAM))

    def dead_letters(self) -> int:
        """Entries that the drain has given up, of every organization."""
        with self.redis() as redis:
            return sum(int(redis.xlen(key)) for key in redis.scan_iter(DEAD_LETTERS))

    def _holders_of_the_lock(self) -> set[int]:
        lock = self.layout.lock.stat()
        found = set()
        for entry in Path("/proc").glob("[0-9]*/fd/*"):
            with suppress(OSError):
                if os.path.samestat(lock, entry.stat()):
                    found.add(int(entry.parts[2]))
        return found - {os.getpid()}


def command(pid: str) -> str:
    """The command line of a process, or an empty text when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
