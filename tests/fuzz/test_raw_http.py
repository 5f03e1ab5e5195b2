"""A real web process on a socket: requests that are no HTTP, or HTTP that nobody should send."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.models import Agent
from ibex.core.ids import parse_uuid
from ibex.serving.exchange import KEPT_BYTES
from tests.factories import Person
from tests.flow.conftest import ROOT, START_TIMEOUT_S, Ibex, free_port, wait_for
from tests.fuzz.effort import efforts
from tests.fuzz.hostile import CANARY, damaged

PATIENCE_S = 5.0
SILENCE_S = 0.3
"""A request that is not finished gets no answer."""
C = CANARY.encode()
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": CANARY}]}).encode()


@dataclass(frozen=True, kw_only=True)
class Served:
    """A web process that writes every line of its log to a file."""

    port: int
    log: Path

    def send(self, raw: bytes, *, wait_s: float = PATIENCE_S) -> bytes:
        """All that comes back until the connection ends, or is silent for `wait_s`."""
        answer = bytearray()
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as connection:
            try:
                connection.sendall(raw)
                while piece := connection.recv(65_536):
                    answer += piece
            except (TimeoutError, ConnectionError):
                pass
        return bytes(answer)

    def read(self, path: str) -> bytes:
        """A GET."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as answer:
            return bytes(answer.read())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, real_database: None) -> Iterator[Served]:
    """When the tests are done, nothing that they sent stands in the log or in a metric, and nothing broke."""
    port, log = free_port(), tmp_path_factory.mktemp("web") / "log"
    settings_of_process = {"PYTHONPATH": str(ROOT), "IBEX_PORT": str(port), "IBEX_LOG_LEVEL": "DEBUG"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ibex.server"],
            cwd=ROOT,
            env=os.environ | settings_of_process | {"DJANGO_SETTINGS_MODULE": "ibex.settings"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(Ibex(base_url=f"http://127.0.0.1:{port}").is_ready, seconds=START_TIMEOUT_S, what="/ready")
        served = Served(port=port, log=log)
        yield served
        assert C not in served.read("/metrics")
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=15)
    said = log.read_text()
    assert CANARY not in said
    assert "Traceback" not in said
    assert not [line for line in said.splitlines() if '"exception"' in line and "DisallowedHost" not in line]


def request(*lines: bytes, body: bytes = b"", line: bytes = b"POST /v1/chat/completions HTTP/1.1") -> bytes:
    """A request whose head has `lines`; the connection is to be closed after it."""
    head = [line, b"Host: x", b"Connection: close", b"Content-Length: %d" % len(body), *lines]
    return b"\r\n".join([*head, b"", body])


def get(target: bytes, *lines: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join([method + b" " + target + b" " + version, b"Host: x", b"Connection: close", *lines, b"", b""])


def chunked(*chunks: bytes) -> bytes:
    head = request(b"Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    return head + b"".join(chunks)


UPGRADE = (b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13")
CASES: dict[str, bytes] = {
    "no request": C + b"\r\n\r\n",
    "no version": b"GET /health\r\n\r\n",
    "another version": get(b"/health", version=b"HTTP/9.9"),
    "a version of letters": get(b"/health", version=b"HTTP/" + C),
    "a method of other letters": get(b"/health", method=b"G\xffT"),
    "an unknown method": get(b"/v1/models", method=b"BREW"),
    "an unknown method for a page": get(b"/", method=b"BREW"),
    "TRACE": get(b"/", b"X-Secret: " + C, method=b"TRACE"),
    "CONNECT": get(b"evil.test:443", method=b"CONNECT"),
    "a path that is no ASCII": get(b"/\xff" + C),
    "a path that is no UTF-8": get(b"/v1/%ff%00" + C),
    "a page's path that is no UTF-8": get(b"/%ff%00%ed%a0%80" + C),
    "line ends in a path": get(b"/%0d%0aSet-Cookie:" + C),
    "line ends after a path": get(b"/v1/models%0a"),
    "an absolute address": get(b"http://evil.test/" + C),
    "an asterisk": get(b"*", method=b"OPTIONS"),
    "two slashes": get(b"//evil.test/" + C),
    "a query that is no UTF-8": get(b"/api/v1/agents?" + C + b"=%00%ff%ed%a0%80"),
    "a query that is no ASCII": get(b"/?a=\xff"),
    "a host that is none": get(b"/", b"Host: " + C + b" /.."),
    "a host that is none, for the API": get(b"/api/v1/agents", b"Host: " + C + b" /.."),
    "two hosts": get(b"/health", b"Host: y"),
    "a mount point": get(b"/v1/models", b"Daphne-Root-Path: /v1"),
    "a mount point elsewhere": get(b"/sign-in", b"Daphne-Root-Path: //evil.test/" + C),
    "a mount point that is no ASCII": get(b"/v1/models", b"Daphne-Root-Path: \xff" + C),
    "a header without a name": get(b"/health", b": " + C),
    "a header without a colon": get(b"/health", C),
    "a space before the colon": get(b"/health", b"A : " + C),
    "a folded header": get(b"/health", b"A: b\r\n " + C),
    "NUL in a header": get(b"/health", b"A: b\0" + C),
    "a long header": get(b"/health", b"A: " + C * 5_000),
    "a long address": get(b"/" + C * 5_000),
    "many headers": get(b"/health", *(b"A%d: %b" % (i, C) for i in range(2_000))),
    "a negative length": request(b"Content-Length: -1", body=BODY),
    "a length of letters": request(b"Content-Length: " + C, body=BODY),
    "two lengths": request(b"Content-Length: 3", body=BODY),
    "a length and chunks": request(b"Transfer-Encoding: chunked", body=b"0\r\n\r\nGET /" + C + b" HTTP/1.1\r\n\r\n"),
    "an unknown coding": request(b"Transfer-Encoding: " + C, body=BODY),
    "a chunk that is none": chunked(b"zz\r\n" + C),
    "a negative chunk": chunked(b"-5\r\n" + C),
    "a chunk's extension": chunked(b"5;" + C * 2_000 + b"\r\nabcde\r\n0\r\n\r\n"),
    "trailers": chunked(b"0\r\nAuthorization: Bearer " + C + b"\r\n\r\n"),
    "a WebSocket": get(b"/" + C, *UPGRADE).replace(b"Connection: close", b"Connection: Upgrade"),
    "a WebSocket by POST": request(*UPGRADE, body=BODY),
    "a WebSocket without a key": get(b"/", b"Upgrade: websocket"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + C,
    "an expectation": request(b"Expect: " + C, body=BODY),
    "a strange token": request(b"Authorization: Bearer " + C, b"Content-Type: application/json", body=BODY),
    "a gzip body": request(b"Content-Encoding: gzip", b"Content-Type: application/json", body=b"\x1f\x8b" + BODY),
    "a form without a boundary": request(
        b"Content-Type: multipart/form-data", body=BODY, line=b"POST /sign-in HTTP/1.1"
    ),
    "a strange origin": request(b"Origin: " + C, b"Referer: " + C, body=BODY, line=b"POST /sign-in HTTP/1.1"),
    "a strange cookie": get(b"/", b"Cookie: ibex_session=" + C + b"\xff;;=; a"),
    "a strange row": get(b"/api/v1/agents/" + C),
    "a strange page": get(b"/memories/" + C),
    "a forwarded address": get(b"/health", b"X-Forwarded-For: " + C, b"X-Forwarded-Host: " + C),
}


def assert_sound(answer: bytes) -> None:
    """A refusal, or the connection's end; never an error of IBEX's own."""
    if not answer:
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ")
    assert int(head[9:12]) < 500, answer[:500]
    assert C not in answer
    assert b"Traceback" not in answer
    if head[9:10] == b"4" and b"application/json" in head and body:
        error = error_in(body)
        assert parse_uuid(error["request_id"])
        assert error["code"]


def error_in(body: bytes) -> dict[str, Any]:
    """The envelope's error, also when it came in one chunk."""
    error: dict[str, Any] = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["error"]
    return error


@pytest.mark.parametrize("name", CASES)
def test_a_strange_request_is_refused(served: Served, name: str) -> None:
    assert_sound(served.send(CASES[name], wait_s=1.0 if name in {"HTTP/2", "a length of letters"} else PATIENCE_S))


def test_no_caller_chooses_where_the_application_is_mounted(served: Served) -> None:
    assert b" 401 " in served.send(CASES["a mount point"])[:20]
    assert b"evil.test" not in served.send(CASES["a mount point elsewhere"])


def test_a_websocket_is_refused(served: Served) -> None:
    assert b" 403 " in served.send(CASES["a WebSocket"])[:20]


def test_the_api_refuses_a_strange_host_in_its_own_form(served: Served) -> None:
    answer = served.send(get(b"/api/v1/agents").replace(b"Host: x", b"Host: a b"))
    assert b" 400 " in answer[:20]
    assert error_in(answer.partition(b"\r\n\r\n")[2])["code"] == "INVALID_REQUEST"


def test_a_body_without_an_end_fills_no_disk(served: Served, tmp_path: Path) -> None:
    piece = b"%x\r\n%b\r\n" % (1024 * 1024, b" " * 1024 * 1024)
    answer = served.send(chunked(*[piece] * (2 * KEPT_BYTES // (1024 * 1024)), b"0\r\n\r\n"), wait_s=30)
    assert b" 413 " in answer[:20]


@efforts(few=60, many=3_000)
def test_damaged_requests_break_nothing(served: Served, owner: Person, fuzzed_agent: Agent, effort: settings) -> None:
    whole = request(
        b"Content-Type: application/json",
        b"Authorization: Bearer " + owner.token.encode(),
        b"X-IBEX-Agent-ID: " + fuzzed_agent.slug.encode(),
        body=BODY,
    )
    requests = [whole, whole + whole, get(b"/api/v1/agents?limit=5"), CASES["a WebSocket"], chunked(b"5\r\nabcde\r\n")]

    @effort
    @given(st.data(), st.sampled_from(requests))
    def send(data: st.DataObject, raw: bytes) -> None:
        answer = served.send(data.draw(damaged(raw)), wait_s=SILENCE_S)
        assert b" 500 " not in answer[:20]
        assert b"Traceback" not in answer

    send()
    assert_alive(served)


def assert_alive(served: Served) -> None:
    deadline = time.monotonic() + PATIENCE_S
    assert served.read("/health")
    assert time.monotonic() < deadline
