"""Streams, against a real server process: the provider's own bytes, whatever happens on either side."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil
import pytest

from agents.choices import ProviderKind
from agents.models import Agent, Checkpoint, Organization, ProviderConnection
from ibex.core.tenancy import scope
from tests.factories import make_token
from tests.flow.conftest import Ibex, running_ibex, wait_for

STREAMS = 200
MIB = 1024 * 1024
FLOOD_MIB = 200
EVENTS = [
    b'data: {"choices":[{"index":0,"delta":{"content":"h\xc3\xa9llo "}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"f"}}]}}]}\n\n',
    b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":"}}]}}]}\r\n\r\n',
    b": a comment\n\n",
    b"event: vendor.unknown\nid: 7\ndata: {\n",
    b"data: }\n\n",
    b"data: not json at all\n\n",
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}\n\n',
    b"\xff\xfe\x00 garbage\n\n",
]


class RawUpstream:
    """Speaks HTTP by hand: `script` writes the body of the answer to the socket as it likes."""

    def __init__(self) -> None:
        self.script: Callable[[socket.socket], None] = lambda _connection: None
        self.left = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._server.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as request:
            length = 0
            while (line := request.readline()).strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            request.read(length)
            # It serves one answer a connection, and says so: else the next call may meet a connection that is closing.
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
            head += b"Transfer-Encoding: chunked\r\n\r\n"
            try:
                connection.sendall(head)
                self.script(connection)
            except OSError:
                self.left.set()

    def close(self) -> None:
        self._server.close()


def send_chunk(connection: socket.socket, piece: bytes) -> None:
    connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


def end_body(connection: socket.socket) -> None:
    connection.sendall(b"0\r\n\r\n")


@pytest.fixture
def raw(acme: Organization) -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    with scope(acme.pk):
        ProviderConnection.objects.of(acme.pk).delete()
        ProviderConnection.objects.create(org=acme, name="Raw", kind=ProviderKind.OPENAI, base_url=upstream.base_url)
    yield upstream
    upstream.close()


class Caller:
    """An application that reads its streams by hand."""

    def __init__(self, ibex: Ibex, token: str, agent: Agent) -> None:
        self._place = urlsplit(ibex.base_url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "X-IBEX-Agent-ID": agent.slug}

    @contextmanager
    def stream(self) -> Iterator[http.client.HTTPResponse]:
        """A streamed call whose body has not been read yet."""
        connection = http.client.HTTPConnection(self._place, timeout=30)
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        try:
            connection.request(
                "POST", "/v1/chat/completions", json.dumps(body), self._headers | {"Content-Type": "application/json"}
            )
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()


@pytest.fixture
def token(acme: Organization) -> str:
    return make_token(acme)


@pytest.fixture
def caller(ibex: Ibex, token: str, agent: Agent) -> Caller:
    return Caller(ibex, token, agent)


def checkpoints(organization: Organization) -> list[Checkpoint]:
    with scope(organization.pk):
        return list(Checkpoint.objects.of(organization.pk))


def test_hundreds_of_streams_cut_anywhere_arrive_byte_for_byte(caller, acme, raw):
    dice = random.Random(7)
    for _ in range(STREAMS):
        body = b"".join(dice.choices(EVENTS, k=dice.randint(1, 12)))
        body += dice.choice([b"data: [DONE]\n\n", b"data: [DONE]\r\n\r\n", b"data: [DONE]", b""])
        cuts = sorted(dice.randrange(len(body) + 1) for _ in range(dice.randint(0, 10)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]

        def script(connection: socket.socket, pieces: list[bytes] = pieces) -> None:
            for piece in pieces:
                send_chunk(connection, piece)
            end_body(connection)

        raw.script = script
        with caller.stream() as response:
            assert response.read() == body


def pausing(may_go_on: threading.Event, *, within_s: float) -> Callable[[socket.socket], None]:
    """A stream whose end comes when it may."""

    def script(connection: socket.socket) -> None:
        send_chunk(connection, EVENTS[0])
        assert may_go_on.wait(within_s)
        send_chunk(connection, b"data: [DONE]\n\n")
        end_body(connection)

    return script


def test_each_event_is_flushed_as_it_comes(caller, acme, raw):
    may_go_on = threading.Event()

    raw.script = pausing(may_go_on, within_s=10)
    with caller.stream() as response:
        assert response.read1(len(EVENTS[0])) == EVENTS[0]
        may_go_on.set()
        assert response.read() == b"data: [DONE]\n\n"


def test_a_caller_who_leaves_ends_the_providers_work_within_a_second(caller, acme, raw):
    def script(connection: socket.socket) -> None:
        while True:
            send_chunk(connection, EVENTS[0])
            time.sleep(0.02)

    raw.script = script
    with caller.stream() as response:
        response.read1(10)
    left_at = time.monotonic()
    assert raw.left.wait(5)
    assert time.monotonic() - left_at < 1
    [checkpoint] = wait_for(lambda: checkpoints(acme), what="the partial turn")
    assert not checkpoint.is_complete
    assert checkpoint.assistant_text.startswith("héllo")


def test_a_stream_that_the_provider_breaks_off_is_broken_off_for_the_caller(caller, acme, raw):
    def script(connection: socket.socket) -> None:
        send_chunk(connection, EVENTS[0])
        time.sleep(0.2)  # a server that crashes does so after its first words, not in the same packet

    raw.script = script
    with caller.stream() as response, pytest.raises((http.client.IncompleteRead, ConnectionError)) as broken:
        response.read()
    if isinstance(broken.value, http.client.IncompleteRead):
        assert broken.value.partial == EVENTS[0]
    [checkpoint] = wait_for(lambda: checkpoints(acme), what="the partial turn")
    assert not checkpoint.is_complete


def test_a_slow_reader_holds_the_provider_up_instead_of_filling_memory(ibex, caller, raw):
    sent = 0

    def script(connection: socket.socket) -> None:
        nonlocal sent
        flood = b"data: " + b"x" * MIB + b"\n\n"
        for _ in range(FLOOD_MIB):
            send_chunk(connection, flood)
            sent += 1
        end_body(connection)

    raw.script = script
    web = psutil.Process(ibex.processes["web"].pid)
    before = web.memory_info().rss
    with caller.stream() as response:
        response.read1(10)
        last = -1
        while sent != last:  # until nothing moves any more
            last = sent
            time.sleep(0.5)
        assert sent < FLOOD_MIB / 4
        assert web.memory_info().rss - before < 64 * MIB


def test_a_server_told_to_stop_finishes_what_it_streams(token, acme, agent, raw):
    may_go_on = threading.Event()

    raw.script = pausing(may_go_on, within_s=20)
    with running_ibex("web", "drain") as ibex, Caller(ibex, token, agent).stream() as response:
        assert response.read1(len(EVENTS[0])) == EVENTS[0]
        os.kill(ibex.processes["web"].pid, signal.SIGTERM)
        wait_for(lambda: not ibex.is_ready(), seconds=5, what="not ready")
        assert ibex.processes["web"].poll() is None
        may_go_on.set()
        assert response.read() == b"data: [DONE]\n\n"
        assert ibex.processes["web"].wait(timeout=10) == 0
        [checkpoint] = wait_for(lambda: checkpoints(acme), what="the turn")
        assert checkpoint.is_complete


def test_one_of_two_processes_told_to_stop_finishes_what_it_streams_while_the_other_takes_the_callers(
    token, acme, agent, raw
):
    may_go_on = threading.Event()

    raw.script = pausing(may_go_on, within_s=20)
    with running_ibex("web", web_processes=2) as ibex, Caller(ibex, token, agent).stream() as response:
        assert response.read1(len(EVENTS[0])) == EVENTS[0]
        [streaming] = [each for each in ibex.processes.values() if psutil.CONN_ESTABLISHED in at_port(ibex, each)]
        streaming.terminate()
        wait_for(lambda: psutil.CONN_LISTEN not in at_port(ibex, streaming), seconds=5, what="a closed door")
        for _ in range(20):
            assert ibex.is_ready()  # the process that stops would say that it is not
        assert streaming.poll() is None
        may_go_on.set()
        assert response.read() == b"data: [DONE]\n\n"
        assert streaming.wait(timeout=10) == 0


def at_port(ibex: Ibex, web: subprocess.Popen[bytes]) -> set[str]:
    """The states of what a web process has at the port of its callers."""
    port = urlsplit(ibex.base_url).port
    return {each.status for each in psutil.Process(web.pid).net_connections("tcp4") if each.laddr.port == port}
