"""A turn whose caller saw its end is kept, whoever leaves, writes or replays at the same moment."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from uuid import uuid4

import pytest
from django.test import override_settings

from ibex.core.ids import uuid7
from ibex.core.redis import close_async_redis, redis
from proxy import drain, journal
from proxy.drain import replay_spool
from proxy.entry import TurnEntry
from proxy.journal import FIELD

WRITERS = 8
LINES_EACH = 25


def entry(marker: str) -> TurnEntry:
    return TurnEntry(
        turn_id=str(uuid7()),
        org_id=str(uuid4()),
        agent_id=str(uuid4()),
        session_id=str(uuid4()),
        external_id="",
        end_user="",
        trace={"marker": marker, "started_at": time.time()},
        checkpoint=None,
    )


def replayed(marker: str) -> list[bytes]:
    return [fields[FIELD] for _, fields in redis().xrange(journal.STREAM) if marker.encode() in fields.get(FIELD, b"")]


@pytest.fixture(autouse=True)
def own_stream(monkeypatch):
    """A journal that no other test's drain reads."""
    name = f"ibex:journal:{uuid4().hex}"
    monkeypatch.setattr(journal, "STREAM", name)
    monkeypatch.setattr(drain, "STREAM", name)
    yield
    redis().delete(name)


def test_writers_and_replays_of_one_spool_lose_nothing(tmp_path):
    marker = uuid4().hex
    with override_settings(SPOOL_DIR=tmp_path):
        writing = threading.Event()

        def write(writer: int) -> None:
            for line in range(LINES_EACH):
                journal._write_spool(f'"{marker} {writer} {line}"'.encode())

        def replay() -> None:
            while not writing.is_set():
                replay_spool()

        writers = [threading.Thread(target=write, args=[number]) for number in range(WRITERS)]
        replays = [threading.Thread(target=replay) for _ in range(2)]
        for thread in [*writers, *replays]:
            thread.start()
        for thread in writers:
            thread.join()
        writing.set()
        for thread in replays:
            thread.join()
        replay_spool()
        replay_spool()
        assert list(tmp_path.iterdir()) == []
    expected = {f'"{marker} {w} {line}"'.encode() for w in range(WRITERS) for line in range(LINES_EACH)}
    assert set(replayed(marker)) == expected


def test_a_line_that_a_crash_cut_off_does_not_swallow_the_next(tmp_path):
    marker = uuid4().hex
    with override_settings(SPOOL_DIR=tmp_path):
        (tmp_path / f"{os.getpid()}.ndjson").write_bytes(b'{"cut off')
        journal._write_spool(f'"{marker}"'.encode())
        replay_spool()
    assert f'"{marker}"'.encode() in replayed(marker)


async def test_a_caller_who_leaves_while_the_turn_is_kept_does_not_take_it_along(hot_path, tmp_path):
    turn = entry(uuid4().hex)
    appending = asyncio.create_task(journal.append(turn, remember={}, ttl_s=1))
    await asyncio.sleep(0)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    async with asyncio.timeout(10):
        while not replayed(turn.turn_id):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
    assert replayed(turn.turn_id) == [turn.to_bytes()]


async def test_a_caller_who_leaves_while_the_turn_is_spooled_does_not_take_it_along(hot_path, tmp_path):
    turn = entry(uuid4().hex)
    with override_settings(SPOOL_DIR=tmp_path, REDIS_URL="redis://127.0.0.1:1/0"):
        await close_async_redis()
        appending = asyncio.create_task(journal.append(turn, remember={}, ttl_s=1))
        await asyncio.sleep(0)
        appending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await appending
        await close_async_redis()
    [spooled] = tmp_path.glob("*.ndjson")
    assert spooled.read_bytes() == turn.to_bytes() + b"\n"
