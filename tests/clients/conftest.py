"""What the clients of other people talk to: a whole IBEX, and upstreams in both languages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agents.choices import ProviderKind
from agents.models import Agent, Organization, ProviderConnection
from ibex.core.tenancy import scope
from tests.factories import make_token
from tests.flow.conftest import Ibex, Upstream, ibex, upstream

__all__ = ["ibex", "upstream"]

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "scripts"
PINS: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "clients.toml").read_text())
CLIENTS = ROOT / ".cache" / "clients"
"""Packages that only these tests need are kept here between runs."""
INSTALL_TIMEOUT_S = 600
LEARNED_S = 120
"""The one worker may have the turns of all other clients before it."""


@pytest.fixture
def token(acme: Organization) -> str:
    return make_token(acme)


def connect(organization: Organization, kind: ProviderKind, base_url: str) -> None:
    """Make `base_url` the organization's only provider."""
    with scope(organization.pk):
        ProviderConnection.objects.of(organization.pk).delete()
        provider = ProviderConnection(org=organization, name="Upstream", kind=kind, base_url=base_url)
        provider.set_key("sk-upstream")
        provider.save()


class AnthropicUpstream:
    """Speaks Anthropic's Messages API: answers from `message`, whole or streamed, and keeps what it was sent."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.blocks: list[dict[str, Any]] = [{"type": "text", "text": "Understood, and noted."}]
        self.error: tuple[int, str] | None = None
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                """Be quiet."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                upstream.received.append(body)
                upstream.headers.append({name.lower(): value for name, value in self.headers.items()})
                if upstream.error:
                    status, kind = upstream.error
                    self._send(
                        status, json.dumps({"type": "error", "error": {"type": kind, "message": "No."}}).encode()
                    )
                elif body.get("stream"):
                    self._send(200, b"".join(upstream.events()), "text/event-stream")
                else:
                    self._send(200, json.dumps(upstream.message()).encode())

            def _send(self, status: int, body: bytes, content_type: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def message(self) -> dict[str, Any]:
        calls = any(block["type"] == "tool_use" for block in self.blocks)
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": self.blocks,
            "stop_reason": "tool_use" if calls else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 11, "output_tokens": 3},
        }

    def events(self) -> list[bytes]:
        """The message as a stream; inputs of tools come in two pieces."""
        message = self.message()
        events: list[dict[str, Any]] = [{"type": "message_start", "message": {**message, "content": []}}]
        for index, block in enumerate(self.blocks):
            if block["type"] == "tool_use":
                whole = json.dumps(block["input"])
                begun = {**block, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": p} for p in ("", whole[:4], whole[4:])]
            else:
                begun = {"type": "text", "text": ""}
                deltas = [{"type": "text_delta", "text": f"{word} "} for word in block["text"].split()]
            events.append({"type": "content_block_start", "index": index, "content_block": begun})
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": 3}})
        events.append({"type": "message_stop"})
        return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def anthropic_upstream(acme: Organization) -> Iterator[AnthropicUpstream]:
    """Acme's only provider speaks Anthropic's language."""
    server = AnthropicUpstream()
    connect(acme, ProviderKind.ANTHROPIC, server.base_url)
    yield server
    server.close()


@pytest.fixture
def openai_upstream(acme: Organization, upstream: Upstream) -> Upstream:
    """Acme's only provider speaks OpenAI's."""
    connect(acme, ProviderKind.OPENAI, upstream.base_url)
    return upstream


@pytest.fixture(scope="session")
def other_python() -> Path:
    """A Python with the clients that IBEX itself does not need. Its own, so that nothing of IBEX is changed by them."""
    home = CLIENTS / "python"
    python = home / "bin" / "python"
    pins = PINS["python"]
    if not _is_installed(home, pins):
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        _run([str(python), "-m", "pip", "install", "-q", *pins])
        _note_installed(home, pins)
    return python


@pytest.fixture(scope="session")
def node_project() -> Path:
    """A folder with Node's packages, and the scripts beside them: that is where Node looks."""
    home = CLIENTS / "node"
    pins = PINS["node"]
    if not _is_installed(home, pins):
        home.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--save-exact", "--prefix", str(home), *pins])
        _note_installed(home, pins)
    for script in SCRIPTS.glob("*.mjs"):
        shutil.copy(script, home)
    return home


def _is_installed(home: Path, pins: list[str]) -> bool:
    note = home / "installed.json"
    return note.exists() and json.loads(note.read_text()) == pins


def _note_installed(home: Path, pins: list[str]) -> None:
    (home / "installed.json").write_text(json.dumps(pins))


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT_S)


def run_script(command: list[str], *, cwd: Path, ibex: Ibex, token: str, agent: Agent) -> list[Any]:
    """Run a client's script, which finds IBEX in BASE_URL, TOKEN and AGENT. Returns its JSON lines."""
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(cwd), "BASE_URL": ibex.base_url}
    environment |= {"TOKEN": token, "AGENT": agent.slug, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


TABLE = pytest.StashKey[dict[tuple[str, str], bool]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Which client can do what, when any was tried."""
    table = config.stash.get(TABLE, {})
    clients = list(dict.fromkeys(client for client, _ in table))
    if not clients:
        return
    terminalreporter.section("clients")
    width = max(len(client) for client in clients)
    numbers = [f"{number:>3}" for number in range(1, len(clients) + 1)]
    terminalreporter.write_line(f"{'':<18}{''.join(numbers)}")
    for feature in dict.fromkeys(feature for _, feature in table):
        marks = {True: "  ✓", False: "  ✗", None: "  -"}
        row = "".join(marks[table.get((client, feature))] for client in clients)
        terminalreporter.write_line(f"{feature:<18}{row}")
    for number, client in zip(numbers, clients, strict=True):
        terminalreporter.write_line(f"{number} {client:<{width}}")
