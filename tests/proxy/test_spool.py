"""Redis is down: turns wait on disk, in whole lines, and come back in order."""

from __future__ import annotations

import asyncio
import time

import pytest
from django.test import override_settings

from ibex.core.ids import uuid7
from ibex.core.redis import close_async_redis, redis
from proxy import drain as module
from proxy import journal
from proxy.drain import replay_spool
from proxy.entry import TurnEntry
from proxy.journal import FIELD
from tests.proxy.journaled import drain, entry, put, stream, texts

__all__ = ["drain", "put", "stream"]

PATIENCE_S = 30
CALLERS = 40


@pytest.fixture
async def nowhere(tmp_path):
    """A Redis that nobody answers for, and an empty spool."""
    with override_settings(SPOOL_DIR=tmp_path / "spool", REDIS_URL="redis://127.0.0.1:1/0"):
        await close_async_redis()
        yield tmp_path / "spool"
        await close_async_redis()


def test_a_spooled_turn_is_numbered_before_what_its_session_said_later(drain, put, agent, tmp_path, monkeypatch):
    """The drain was waiting at the stream when Redis failed one caller, and the next turn woke it."""
    session_id = uuid7()
    earlier = entry(agent, session_id=session_id, text="earlier")
    later = entry(agent, session_id=session_id, text="later", started_at=time.time() + 1)
    next_rows = module._next

    def spooled_meanwhile(count, block_ms):
        if block_ms:
            (tmp_path / "1.ndjson").write_bytes(earlier.to_bytes() + b"\n")
            put(later)
        return next_rows(count, block_ms)

    monkeypatch.setattr(module, "_next", spooled_meanwhile)
    with override_settings(SPOOL_DIR=tmp_path):
        assert drain.step(50) == 2
    assert texts(agent, session_id) == ["earlier", "later"]


async def test_without_redis_the_turn_goes_to_the_spool_and_comes_back(hot_path, agent, tmp_path, stream):
    turn = entry(agent, text="spooled")
    with override_settings(SPOOL_DIR=tmp_path / "spool", REDIS_URL="redis://127.0.0.1:1/0"):
        await close_async_redis()
        await journal.append(turn, remember={"k": "v"}, ttl_s=1)
        await close_async_redis()
        [spooled] = (tmp_path / "spool").glob("*.ndjson")
    assert spooled.stat().st_mode & 0o777 == 0o600
    with spooled.open("ab") as file:
        file.write(b'{"cut off by a crash')
    with override_settings(SPOOL_DIR=tmp_path / "spool"):
        assert replay_spool() == 1
        assert list((tmp_path / "spool").iterdir()) == []
    found = [fields[FIELD] for _, fields in redis().xrange(stream)]
    assert found == [turn.to_bytes()]


def test_a_replay_that_dies_in_the_middle_repeats_what_changes_nothing(drain, agent, tmp_path, stream, monkeypatch):
    session_id = uuid7()
    turns = [entry(agent, session_id=session_id, text=f"{number}") for number in range(3)]
    (tmp_path / "1.ndjson").write_bytes(b"".join(turn.to_bytes() + b"\n" for turn in turns))

    def die(*_arguments):
        raise OSError

    with override_settings(SPOOL_DIR=tmp_path):
        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.unlink", die)
            with pytest.raises(OSError):  # noqa: PT011 - as bare as it is raised
                replay_spool()
        assert [path.name for path in tmp_path.iterdir()] == ["1.replaying"]
        assert drain.step(50) == 6
        assert not list(tmp_path.iterdir())
    assert texts(agent, session_id) == ["0", "1", "2"]


async def test_a_turn_is_kept_when_append_returns_however_many_are_appended_at_once(hot_path, agent, stream, tmp_path):
    def is_kept(turn: TurnEntry) -> bool:
        rows = redis().xrange(stream)
        lines = b"".join(path.read_bytes() for path in tmp_path.glob("*.ndjson"))
        return any(fields[FIELD] == turn.to_bytes() for _, fields in rows) or turn.to_bytes() + b"\n" in lines

    async def append(number: int) -> bool:
        turn = entry(agent, text=f"{number}")
        await journal.append(turn, remember={}, ttl_s=1)
        return is_kept(turn)

    with override_settings(SPOOL_DIR=tmp_path):
        assert all(await asyncio.gather(*(append(number) for number in range(CALLERS))))


async def test_turns_that_are_spooled_at_once_are_whole_lines(hot_path, nowhere, agent):
    turns = [entry(agent, text=f"{number}" * 1_000) for number in range(CALLERS)]
    await asyncio.gather(*(journal.append(turn, remember={}, ttl_s=1) for turn in turns))
    lines = b"".join(path.read_bytes() for path in nowhere.glob("*.ndjson")).splitlines()
    assert sorted(lines) == sorted(turn.to_bytes() for turn in turns)


async def test_a_turn_that_the_disk_refuses_does_not_take_the_others_along(hot_path, nowhere, agent, monkeypatch):
    turns = [entry(agent, text=f"{number}") for number in range(5)]
    write = journal._write_spool

    def refuse_the_third(*entries: bytes) -> None:
        if turns[2].to_bytes() in entries:
            raise OSError
        write(*entries)

    monkeypatch.setattr(journal, "_write_spool", refuse_the_third)
    await asyncio.gather(*(journal.append(turn, remember={}, ttl_s=1) for turn in turns))
    lines = b"".join(path.read_bytes() for path in nowhere.glob("*.ndjson")).splitlines()
    assert sorted(lines) == sorted(turn.to_bytes() for turn in turns if turn is not turns[2])


async def test_a_stream_that_refuses_turns_sends_them_to_the_spool(hot_path, agent, stream, tmp_path):
    redis().set(stream, "not a stream")
    turn = entry(agent)
    with override_settings(SPOOL_DIR=tmp_path):
        await journal.append(turn, remember={}, ttl_s=1)
    [spooled] = tmp_path.glob("*.ndjson")
    assert spooled.read_bytes() == turn.to_bytes() + b"\n"
