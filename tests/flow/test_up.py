"""One command starts everything, Ctrl-C stops it, and nothing is lost when it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ibex.embedded.layout import Layout
from ibex.embedded.services import is_ready
from tests.embedded.conftest import alive, bare_environment
from tests.flow.conftest import PATIENCE, free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 120
FACTS = {"base_url", "token", "agent_id", "agent_slug", "operator_email", "operator_password"}


@dataclass
class Installation:
    """`manage.py up` on a data folder of its own."""

    layout: Layout
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return (self.layout.data_dir.parent / "output").read_text()

    def start(self) -> None:
        environment = bare_environment(
            IBEX_DATA_DIR=self.layout.data_dir, IBEX_PORT=self.port, IBEX_PATIENCE=PATIENCE, IBEX_WEB_PROCESSES=2
        )
        with (self.layout.data_dir.parent / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=output, stderr=output
            )
        wait_for(self._is_ready_or_dead, seconds=START_TIMEOUT_S, what="a ready IBEX")
        assert self.process.poll() is None, self.output

    def _is_ready_or_dead(self) -> bool:
        return "Ready in" in self.output or self.process.poll() is not None

    def tree(self) -> set[int]:
        """Every process that the start has left running: all of them inherit the lock."""
        pids = {int(entry.parts[2]) for entry in Path("/proc").glob("[0-9]*/fd/*") if links_to(entry, self.layout.lock)}
        return {pid for pid in pids if alive(pid)}

    def kill(self) -> None:
        for pid in self.tree():
            with suppress(ProcessLookupError):  # the servers' own end when their first one has
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def facts(self) -> dict[str, str]:
        return json.loads(self.layout.first_run.read_text())

    def chat(self, text: str) -> dict[str, Any]:
        facts = self.facts()
        request = urllib.request.Request(
            f"{facts['base_url']}/v1/chat/completions",
            data=json.dumps({"model": "ibex-sandbox", "messages": [{"role": "user", "content": text}]}).encode(),
            headers={
                "Authorization": f"Bearer {facts['token']}",
                "X-IBEX-Agent-ID": facts["agent_slug"],
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def metrics(self) -> str:
        with urllib.request.urlopen(f"{self.facts()['base_url']}/metrics", timeout=30) as answer:
            return answer.read().decode()

    def sessions(self) -> int:
        request = urllib.request.Request(
            f"{self.facts()['base_url']}/api/v1/sessions", headers={"Authorization": f"Bearer {self.facts()['token']}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return len(json.loads(answer.read())["items"])


def command(pid: int) -> bytes:
    """The words of its command line, each with a zero behind it."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def links_to(entry: Path, file: Path) -> bool:
    try:
        return entry.samefile(file)
    except OSError:
        return False


@pytest.fixture
def installation(tmp_path):
    installation = Installation(Layout(tmp_path / "data"), free_port())
    yield installation
    if installation.process and installation.process.poll() is None:
        installation.kill()
    shutil.rmtree(installation.layout.run, ignore_errors=True)  # it may be a short folder elsewhere


def test_the_first_start_says_where_to_go_and_ctrl_c_leaves_nothing(installation):
    installation.start()
    facts = installation.facts()
    assert set(facts) >= FACTS
    assert installation.layout.first_run.stat().st_mode & 0o777 == 0o600
    assert facts["token"] in installation.output
    assert facts["operator_password"] in installation.output
    assert installation.chat("Hello!")["object"] == "chat.completion"
    tree = installation.tree()
    assert len(tree) > 10  # PostgreSQL's own, Valkey, web server, drain, workers
    installation.process.send_signal(signal.SIGINT)
    assert installation.process.wait(timeout=60) == 0
    assert not [pid for pid in tree if alive(pid)]
    assert not any(b"ibex_pat_" in log.read_bytes() for log in installation.layout.logs.iterdir())


@pytest.mark.load
def test_after_kill_9_of_the_whole_tree_the_next_start_has_every_turn(installation):
    installation.start()
    for number in range(5):
        installation.chat(f"Conversation {number}")
    installation.kill()
    installation.start()
    assert installation.facts()["token"] not in installation.output
    wait_for(lambda: installation.sessions() == 5, what="five sessions")


@pytest.mark.load
def test_a_killed_part_comes_back_and_the_others_go_on(installation):
    installation.start()
    installation.chat("Before")
    pid_file = installation.layout.postgres / "data" / "postmaster.pid"
    os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
    wait_for(lambda: "postgres ended (signal 9); starting it again" in installation.output, what="the restart")
    wait_for(lambda: installation.sessions() == 1, what="the session")


@pytest.mark.load
def test_a_killed_web_process_comes_back_while_the_other_answers(installation):
    installation.start()
    sockets = [installation.layout.web_socket(name) for name in ("web", "web-2")]
    wait_for(lambda: all(map(is_ready, sockets)), seconds=START_TIMEOUT_S, what="both web processes")
    [killed] = [pid for pid in installation.tree() if f"{sockets[0]}\0".encode() in command(pid)]
    os.kill(killed, signal.SIGKILL)
    for number in range(20):
        assert installation.chat(f"Call {number}")["object"] == "chat.completion"
    wait_for(lambda: "web ended (signal 9); starting it again" in installation.output, what="the restart")
    wait_for(lambda: all(map(is_ready, sockets)), what="both web processes again")
    wait_for(lambda: installation.sessions() == 20, what="twenty sessions")
    assert 'ibex_drained_entries_total{outcome="written"} 20.0' in installation.metrics()
