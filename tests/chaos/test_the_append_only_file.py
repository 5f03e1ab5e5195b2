"""What a killed Valkey leaves of its append-only file is enough to go on from."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from ibex.embedded.layout import Layout
from ibex.embedded.process import launch
from ibex.embedded.valkey import Valkey
from tests.flow.conftest import wait_for

PASSWORD = "for-this-test-only"
ENTRIES = 2_000

pytestmark = pytest.mark.chaos


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data")
    layout.make()
    return layout


@pytest.fixture
def start(layout: Layout) -> Iterator[object]:
    """Start the server on its folder, as often as it takes."""
    valkey, started = Valkey(layout=layout, password=PASSWORD), []
    valkey.create()

    def begin() -> subprocess.Popen[bytes]:
        process = launch(valkey.program(), subprocess.DEVNULL)
        started.append(process)
        wait_for(lambda: valkey.ready(process.pid) or process.poll() is not None, what="Valkey")
        assert process.poll() is None, "Valkey refuses what is left of its file"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def client(layout: Layout) -> Redis:
    return Redis(unix_socket_path=str(layout.valkey_socket), password=PASSWORD)


def newest_file(layout: Layout) -> Path:
    return max(layout.valkey.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)


def fill(redis: Redis) -> None:
    redis.xgroup_create("journal", "drain", id="0", mkstream=True)
    for number in range(ENTRIES):
        redis.xadd("journal", {"turn": f"{number} " + "x" * 500})
    redis.xreadgroup("drain", "drain", {"journal": ">"}, count=ENTRIES // 2)


def test_everything_that_was_answered_is_there_after_kill_9_group_and_pending_entries_too(layout, start):
    process = start()
    with client(layout) as redis:
        fill(redis)
        process.kill()
        process.wait()
        start()
        assert redis.xlen("journal") == ENTRIES
        assert redis.xpending("journal", "drain")["pending"] == ENTRIES // 2


def test_a_command_that_was_cut_off_takes_nothing_along_that_was_answered(layout, start):
    process = start()
    with client(layout) as redis:
        fill(redis)
        process.kill()
        process.wait()
        with newest_file(layout).open("ab") as file:
            file.write(b"*5\r\n$4\r\nXADD\r\n$7\r\njournal\r\n$1\r\n*\r\n$4\r\ntu")
        start()
        assert redis.xlen("journal") == ENTRIES


def test_a_file_that_is_being_rewritten_loses_nothing(layout, start):
    process = start()
    with client(layout) as redis:
        fill(redis)
        redis.bgrewriteaof()
        redis.xadd("journal", {"turn": "during the rewrite"})
        process.kill()
        process.wait()
        start()
        assert redis.xlen("journal") == ENTRIES + 1
