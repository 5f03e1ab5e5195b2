"""The product as it runs: web server, drain and worker as processes of their own, and an upstream that remembers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ibex.embedded.services import is_ready, web_program
from ibex.port import bound

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60
PATIENCE = 20.0
"""What a call is shown is tested here, not how fast: a busy machine leaves nothing out."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition: Callable[[], Any], *, seconds: float = 30, what: str = "the condition") -> Any:
    """The first true value of `condition`, asked again and again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true in {seconds:.0f} s")


@dataclass
class Ibex:
    """A running IBEX."""

    base_url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    folder: Path = Path()
    """Of the sockets at which each of several web processes answers by itself."""

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base_url}/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running_ibex(*parts: str, patience: float = PATIENCE, web_processes: int = 1) -> Iterator[Ibex]:
    """Start `parts` of web, drain and worker against the test run's servers.

    Several web processes share the port and their metrics; the first is `web`, the second `web-2`.
    """
    port = free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "ibex.settings",
        "PYTHONPATH": str(ROOT),
        "IBEX_PORT": str(port),
        "IBEX_PATIENCE": str(patience),
        "IBEX_WEB_PROCESSES": str(web_processes),
    }
    commands = {
        "web": [sys.executable, "-m", "ibex.server"],
        "drain": [sys.executable, "-m", "django", "drain"],
        "worker": [sys.executable, "-m", "django", "qcluster"],
    }
    several = web_processes > 1
    with tempfile.TemporaryDirectory() as folder, bound("127.0.0.1", port) if several else nullcontext() as listener:
        ibex = Ibex(base_url=f"http://127.0.0.1:{port}", folder=Path(folder))
        names = ["web", *(f"web-{number}" for number in range(2, web_processes + 1))]
        if several:
            environment["PROMETHEUS_MULTIPROC_DIR"] = f"{folder}/metrics"
            commands |= {name: web_program(listener, ibex.folder / name).argv for name in names}
        try:
            for part in [*parts, *names[1:]]:
                ibex.processes[part] = subprocess.Popen(
                    commands[part],
                    cwd=ROOT,
                    env=environment,
                    start_new_session=True,
                    pass_fds=(listener.fileno(),) if listener and part in names else (),
                )
            if several:
                wait_for(lambda: all(is_ready(ibex.folder / n) for n in names), seconds=START_TIMEOUT_S, what="/ready")
            elif "web" in parts:
                wait_for(ibex.is_ready, seconds=START_TIMEOUT_S, what="/ready")
            yield ibex
        finally:
            end(ibex.processes.values())


def end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Tell all to stop, kill who does not."""
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def ibex() -> Iterator[Ibex]:
    """One whole IBEX for the tests of a module; its workers would take the tasks of others."""
    with running_ibex("web", "drain", "worker") as running:
        yield running


class Upstream:
    """An OpenAI-compatible server that keeps what it was sent, and answers what it is told to."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.reply = "Understood."
        self.raw_stream: list[bytes] | None = None
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                """Be quiet."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                upstream.received.append(body)
                upstream.headers.append({name.lower(): value for name, value in self.headers.items()})
                if body.get("stream"):
                    self._stream()
                else:
                    self._whole(body)

            def _whole(self, body: dict[str, Any]) -> None:
                message = {"role": "assistant", "content": upstream.reply}
                answer = json.dumps(
                    {
                        "id": "chatcmpl-1",
                        "object": "chat.completion",
                        "created": 1,
                        "model": body["model"],
                        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def _stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for piece in upstream.raw_stream or upstream.words():
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def words(self) -> list[bytes]:
        """The reply as a stream of chunks."""
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": f"{word} "} for word in self.reply.split()]
        events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        return [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()
