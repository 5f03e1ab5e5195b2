"""One drain at a time, in order, whichever dies; and batches that fit into memory."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest
from django.db import OperationalError, ProgrammingError, connection
from psycopg import errors as postgres

from ibex.core.ids import uuid7
from ibex.core.redis import RedisError
from proxy import drain as module
from proxy.drain import FIRST_BATCH, Drain
from tests.proxy.journaled import checkpoints, dead_letters, drain, entry, put, stream, texts, waiting

__all__ = ["drain", "put", "stream"]

PATIENCE_S = 30


def test_a_drain_that_dies_before_its_commit_leaves_its_turns_to_the_next_and_in_order(
    drain, put, agent, stream, monkeypatch
):
    session_id = uuid7()
    put(entry(agent, session_id=session_id, text="first"))

    def die(*_arguments):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_turns", die)
        with pytest.raises(SystemExit):
            drain.step(50)
    assert waiting(stream) == (1, 1)
    put(entry(agent, session_id=session_id, text="second"))
    successor = Drain()
    while waiting(stream) != (0, 0):
        successor.step(50)
    assert texts(agent, session_id) == ["first", "second"]


def test_a_drain_that_dies_between_commit_and_acknowledgement_repeats_nothing(drain, put, agent, stream, monkeypatch):
    session_id = uuid7()
    put(*(entry(agent, session_id=session_id, text=f"{number}") for number in range(3)))

    def die(*_arguments):
        raise RedisError

    with monkeypatch.context() as patch:
        patch.setattr(module, "_acknowledge", die)
        with pytest.raises(RedisError):
            drain.step(50)
    assert len(checkpoints(agent)) == waiting(stream)[1] == 3
    Drain().step(50)
    assert texts(agent, session_id) == ["0", "1", "2"]
    assert waiting(stream) == (0, 0)


def test_two_drains_number_a_sessions_turns_in_the_order_they_were_journaled(drain, put, agent, stream, monkeypatch):
    """Were there no lock, the second would read the later turn while the first still holds the earlier one."""
    session_id = uuid7()
    has_read, may_write = threading.Event(), threading.Event()
    write_turns = module.write_turns
    calls = count()

    def wait_before_the_first(org_id, entries):
        if next(calls) == 0:
            has_read.set()
            assert may_write.wait(PATIENCE_S)
        write_turns(org_id, entries)

    def first():
        drain.step(50)
        connection.close()

    monkeypatch.setattr(module, "write_turns", wait_before_the_first)
    put(entry(agent, session_id=session_id, text="earlier"))
    thread = threading.Thread(target=first)
    thread.start()
    assert has_read.wait(PATIENCE_S)
    put(entry(agent, session_id=session_id, text="later"))
    second = Drain()
    assert second.step(50) is None
    may_write.set()
    thread.join()
    while waiting(stream) != (0, 0):
        second.step(50)
    assert texts(agent, session_id) == ["earlier", "later"]


def test_drains_that_compete_write_everything_once_and_in_order(put, agent, stream, drain):
    sessions = [uuid7() for _ in range(5)]
    turns = 60
    done = threading.Event()

    def compete():
        rival = Drain()
        while not done.is_set():
            rival.step(20)
        connection.close()

    rivals = [threading.Thread(target=compete) for _ in range(3)]
    for rival in rivals:
        rival.start()
    try:
        for number in range(turns):
            put(*(entry(agent, session_id=session_id, text=f"{number}") for session_id in sessions))
        deadline = time.monotonic() + PATIENCE_S
        while waiting(stream) != (0, 0) and time.monotonic() < deadline:
            drain.step(20)
    finally:
        done.set()
        for rival in rivals:
            rival.join()
    for session_id in sessions:
        assert texts(agent, session_id) == [str(number) for number in range(turns)]


@pytest.mark.parametrize(
    "cause", [postgres.ReadOnlySqlTransaction(), postgres.UndefinedColumn(), postgres.AdminShutdown(), None]
)
def test_a_server_that_is_not_itself_makes_no_dead_letter(drain, put, agent, stream, monkeypatch, cause):
    """A standby before its promotion, a migration that has not run yet, a stop: the entry waits."""

    def fail(_org_id, _entries):
        raise (ProgrammingError if cause else OperationalError) from cause

    put(entry(agent))
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_turns", fail)
        with pytest.raises((ProgrammingError, OperationalError)):
            drain.step(50)
    assert waiting(stream) == (1, 1)
    assert not dead_letters(agent)
    drain.step(50)
    assert len(checkpoints(agent)) == 1


def test_large_entries_are_taken_a_few_at_a_time(drain, put, agent, monkeypatch):
    monkeypatch.setattr(module, "BATCH_BYTES", 50_000)
    put(*(entry(agent, text="x" * 5_000) for _ in range(3 * FIRST_BATCH)))  # twice the text: as message, and as words
    moved = [drain.step(50) for _ in range(4)]
    assert moved[0] == FIRST_BATCH
    assert set(moved[1:]) == {4}
    assert drain.has_more


def test_small_entries_are_taken_in_ever_larger_batches(drain, put, agent):
    put(*(entry(agent) for _ in range(5 * FIRST_BATCH)))
    assert [drain.step(50) for _ in range(4)] == [FIRST_BATCH, 2 * FIRST_BATCH, 2 * FIRST_BATCH, 0]
    assert not drain.has_more
