"""Several web processes behind one port: each answers, and none takes the others along when it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from types import MappingProxyType
from urllib.parse import urlsplit

import psutil
import pytest

from agents.models import Organization, Token
from agents.secret import digest
from agents.services import tokens
from ibex.core.tenancy import scope
from ibex.port import PortUnusable, bound
from tests.factories import make_token
from tests.flow.conftest import ROOT, Ibex, running_ibex

CALLERS = 20
HEARD_WITHIN_S = 1.0
"""SPEC section 3."""


@pytest.fixture
def pair(real_database: None) -> Iterator[Ibex]:
    """Two web processes that are ready."""
    with running_ibex("web", web_processes=2) as ibex:
        yield ibex


def call(ibex: Ibex) -> http.client.HTTPConnection:
    """Have a call refused for want of a token, and stay connected."""
    connection = http.client.HTTPConnection(urlsplit(ibex.base_url).netloc, timeout=30)
    assert status(connection) == 401
    return connection


def status(connection: http.client.HTTPConnection, headers: Mapping[str, str] = MappingProxyType({})) -> int:
    connection.request("GET", "/v1/models", headers=dict(headers))
    answer = connection.getresponse()
    answer.read()
    return answer.status


def server_of(ibex: Ibex, connection: http.client.HTTPConnection) -> str:
    """The web process at the other end."""
    own = connection.sock.getsockname()
    return next(
        name
        for name, process in ibex.processes.items()
        if any(each.raddr == own for each in psutil.Process(process.pid).net_connections("tcp"))
    )


def counted(ibex: Ibex) -> tuple[float, float]:
    """Refused calls, and calls in flight, as whoever answers tells."""
    with urllib.request.urlopen(f"{ibex.base_url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    calls = re.findall(r'^ibex_calls_total{.*status="401"} (\S+)$', text, re.MULTILINE)
    in_flight = re.findall(r"^ibex_calls_in_flight (\S+)$", text, re.MULTILINE)
    return sum(map(float, calls)), sum(map(float, in_flight))


def test_both_answer_and_what_they_count_is_added_up(pair: Ibex) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(call(pair))) for _ in range(CALLERS)]
        assert {server_of(pair, connection) for connection in connections} == {"web", "web-2"}
    assert {counted(pair) for _ in range(CALLERS)} == {(CALLERS, 1.0)}  # in flight is the one that asks


def test_a_revoked_token_is_refused_by_both_within_a_second(pair: Ibex, acme: Organization) -> None:
    secret = make_token(acme)
    headers = {"Authorization": f"Bearer {secret}"}
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(call(pair))) for _ in range(CALLERS)]
        assert {server_of(pair, connection) for connection in connections} == {"web", "web-2"}
        for _ in range(2):  # the second time they are known
            assert {status(connection, headers) for connection in connections} == {200}
        with scope(acme.pk):
            tokens.revoke(Token.objects.get(digest=digest(secret)), actor="test")
        deadline = time.monotonic() + HEARD_WITHIN_S
        while {status(connection, headers) for connection in connections} != {401}:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("killed", ["web", "web-2"])
def test_a_killed_process_leaves_the_other_answering_and_its_counts_stay(pair: Ibex, killed: str) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(call(pair))) for _ in range(CALLERS)]
        assert killed in {server_of(pair, connection) for connection in connections}
        pair.processes[killed].kill()
        pair.processes[killed].wait()
    for _ in range(CALLERS):
        call(pair).close()
    assert counted(pair) == (2 * CALLERS, 1.0)


def test_a_process_that_hangs_keeps_no_new_caller_waiting(pair: Ibex) -> None:
    os.kill(pair.processes["web"].pid, signal.SIGSTOP)
    try:
        for _ in range(CALLERS):
            with closing(call(pair)) as connection:
                assert server_of(pair, connection) == "web-2"
    finally:
        os.kill(pair.processes["web"].pid, signal.SIGCONT)


def test_a_strangers_port_is_refused_however_it_was_opened() -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(PortUnusable, match=f"Port {port} of 127.0.0.1 cannot be used .Address already in use"):
            bound("127.0.0.1", port)


def test_nobody_can_join_a_port_that_is_ours() -> None:
    with bound("127.0.0.1", 0) as ours, socket.socket() as stranger:
        ours.listen()
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="Address already in use"):
            stranger.bind(ours.getsockname())


def test_a_web_process_by_itself_says_who_is_in_its_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "ibex.server"],
            cwd=ROOT,
            env=os.environ | {"IBEX_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Port {port} of 127.0.0.1 cannot be used (Address already in use): stop what uses")
