from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from redis import Redis

from ibex.core.secrets import Secrets
from ibex.embedded.addresses import embedded_redis
from ibex.embedded.process import launch
from ibex.embedded.valkey import Valkey

PASSWORD = "a password for this test only"
SECRETS = Secrets(secret_key="k", postgres_password="p", redis_password=PASSWORD)


@pytest.fixture
def valkey(layout):
    server = Valkey(layout=layout, password=PASSWORD.replace(" ", "-"))
    server.create()
    return server


@pytest.fixture
def start(valkey, patiently):
    started = []

    def begin():
        process = launch(valkey.program(), subprocess.DEVNULL)
        started.append(process)
        patiently(lambda: valkey.ready(process.pid))
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def client(layout):
    with Redis(unix_socket_path=str(layout.valkey_socket), password=PASSWORD.replace(" ", "-")) as redis:
        yield redis


def test_it_is_ready_only_when_it_answers(valkey, start, client):
    assert not valkey.ready(0)
    start()
    assert client.ping()


def test_what_was_answered_survives_a_killed_server(start, client):
    process = start()
    for number in range(500):
        client.xadd("journal", {"turn": number})
    process.kill()
    process.wait()
    start()
    assert client.xlen("journal") == 500


def test_the_password_is_asked_for_and_shows_in_no_process_list(layout, valkey, start):
    process = start()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(layout.valkey_socket))
        stranger.sendall(b"GET anything\r\n")
        assert stranger.recv(64).startswith(b"-NOAUTH")
    assert valkey.password not in Path(f"/proc/{process.pid}/cmdline").read_text()
    assert (layout.valkey / "valkey.conf").stat().st_mode & 0o777 == 0o600


def test_it_listens_on_its_socket_alone_and_never_evicts(start, client):
    start()
    assert client.config_get("port") == {"port": "0"}
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_the_url_of_the_embedded_server_leads_to_its_socket(layout):
    assert embedded_redis(layout, SECRETS).startswith(f"unix://{layout.valkey_socket}?password=")
