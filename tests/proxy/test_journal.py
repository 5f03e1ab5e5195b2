"""From the journal to the vault: once, in order, whatever is repeated or dies, and past what is broken."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import count
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import OperationalError, ProgrammingError, connection
from django.test import override_settings
from psycopg import errors as postgres

from agents.models import Checkpoint, Session, Trace
from ibex.core.ids import uuid7
from ibex.core.redis import RedisError, close_async_redis, redis
from ibex.core.tenancy import scope
from proxy import drain as module
from proxy import journal
from proxy.dead_letters import LENGTH_MAX, dead_letters_key
from proxy.drain import FIRST_BATCH, Drain, replay_spool
from proxy.entry import TurnEntry
from proxy.journal import FIELD, GROUP

PATIENCE_S = 30


def entry(agent, *, session_id=None, text="Hi", started_at=None, **checkpoint) -> TurnEntry:
    now = started_at or time.time()
    return TurnEntry(
        turn_id=str(uuid7()),
        org_id=str(agent.org_id),
        agent_id=str(agent.pk),
        session_id=str(session_id or uuid7()),
        external_id="",
        end_user="",
        trace={
            "request_id": str(uuid4()),
            "trace_id": uuid4().hex,
            "endpoint": "chat.completions",
            "status": 200,
            "started_at": now,
        },
        checkpoint={
            "messages": [{"role": "user", "content": text}],
            "user_text": text,
            "assistant_text": "Hello!",
            "tool_calls": [],
            "finish_reason": "stop",
            "is_complete": True,
            "may_learn": False,
            "model": "m",
            "prompt_tokens": None,
            "completion_tokens": 4,
            "said_at": now,
            "finished_at": now,
        }
        | checkpoint,
    )


@pytest.fixture(autouse=True)
def stream(monkeypatch):
    """A journal that no other test's drain reads."""
    name = f"ibex:journal:{uuid4().hex}"
    monkeypatch.setattr("proxy.drain.STREAM", name)
    monkeypatch.setattr("proxy.journal.STREAM", name)
    yield name
    redis().delete(name)


@pytest.fixture
def put(stream):
    def put(*turns: TurnEntry | bytes) -> None:
        for turn in turns:
            redis().xadd(stream, {FIELD: turn if isinstance(turn, bytes) else turn.to_bytes()})

    return put


@pytest.fixture
def drain(stream):
    drain = Drain()
    drain.open()
    return drain


def checkpoints(agent) -> list[Checkpoint]:
    with scope(agent.org_id):
        return list(Checkpoint.objects.of(agent.org_id).order_by("said_at", "number"))


def texts(agent, session_id) -> list[str]:
    """What was said in a session, by number."""
    with scope(agent.org_id):
        rows = Checkpoint.objects.of(agent.org_id).filter(session_id=session_id).order_by("number")
        return [row.user_text for row in rows]


def dead_letters(agent) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in redis().xrange(dead_letters_key(agent.org_id))]


def waiting(stream) -> tuple[int, int]:
    """Entries in the stream, and those that were read and not acknowledged."""
    return redis().xlen(stream), redis().xpending(stream, GROUP)["pending"]


def test_a_turn_becomes_session_checkpoint_and_trace(drain, put, agent, stream):
    turn = entry(agent)
    put(turn)
    assert drain.step(50) == 1
    [checkpoint] = checkpoints(agent)
    with scope(agent.org_id):
        session = Session.objects.get()
        trace = Trace.objects.get()
    assert (checkpoint.user_text, checkpoint.assistant_text, checkpoint.number) == ("Hi", "Hello!", 1)
    assert checkpoint.prompt_tokens == 1  # counted here: the provider did not say
    assert (session.turn_count, session.completion_tokens) == (1, 4)
    assert trace.session_id == session.pk == UUID(turn.session_id)
    assert waiting(stream) == (0, 0)


def test_a_repeated_entry_changes_nothing(drain, put, agent):
    session_id = uuid7()
    turn, later = entry(agent, session_id=session_id), entry(agent, session_id=session_id, text="Bye")
    put(turn, turn)
    drain.step(50)
    put(turn, later)
    drain.step(50)
    assert texts(agent, session_id) == ["Hi", "Bye"]
    with scope(agent.org_id):
        assert Session.objects.get().turn_count == 2


def test_what_cannot_be_written_is_its_organizations_dead_letter_and_blocks_nothing(drain, put, agent, stream):
    broken = entry(agent, model="m" * 300)  # a model's name of 300 characters fits no column
    put(broken, *(entry(agent, text=f"fine {number}") for number in range(5)))
    drain.step(50)
    assert {row.user_text for row in checkpoints(agent)} == {f"fine {number}" for number in range(5)}
    assert dead_letters(agent) == [{FIELD: broken.to_bytes(), b"why": b"DataError"}]
    assert waiting(stream) == (0, 0)


def test_an_entry_of_another_version_waits_as_a_dead_letter(drain, put, agent):
    raw = entry(agent).to_bytes().replace(b'"turn_id"', b'"turn"')
    put(raw)
    drain.step(50)
    assert dead_letters(agent) == [{FIELD: raw, b"why": b"unreadable"}]


def test_of_what_nobody_can_be_found_to_own_nothing_is_kept(drain, put, agent, stream):
    marker = uuid4().hex
    put(f'{{"cut off {marker}'.encode(), b"[]", b'{"org_id": 7}', entry(agent))
    drain.step(50)
    assert len(checkpoints(agent)) == 1
    assert waiting(stream) == (0, 0)
    assert not list(redis().scan_iter(match=f"*{marker}*"))


def test_dead_letters_are_bounded(drain, put, agent, monkeypatch):
    monkeypatch.setattr("proxy.dead_letters.LENGTH_MAX", 100)
    put(*(entry(agent, model="m" * 300) for _ in range(500)))
    while drain.step(50):
        pass
    # Redis cuts whole nodes of its tree, of 100 entries each.
    assert 100 <= len(dead_letters(agent)) <= 200 < LENGTH_MAX


def test_dead_letters_can_be_sent_back(drain, put, agent, foreign_agent, monkeypatch, capsys):
    def broken(_org_id, _entries):
        raise KeyError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_turns", broken)
        put(entry(agent, text="one"), entry(agent, text="two"), entry(foreign_agent, text="three"))
        drain.step(50)
    assert not checkpoints(agent)
    monkeypatch.setattr("proxy.management.commands.drain.STREAM", module.STREAM)
    for org_id, turns in ((agent.org_id, 2), (foreign_agent.org_id, 1)):  # other tests have dead letters too
        call_command("drain", replay_dead=True, organization=org_id)
        assert f"{turns} turns are in the journal again" in capsys.readouterr().out
    drain.step(50)
    assert [row.user_text for row in checkpoints(agent)] == ["one", "two"]
    assert [row.user_text for row in checkpoints(foreign_agent)] == ["three"]
    assert not dead_letters(agent)


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


def test_text_with_a_null_character_is_kept_without_it(drain, put, agent):
    put(entry(agent, text="a\0b"))
    drain.step(50)
    [checkpoint] = checkpoints(agent)
    assert checkpoint.user_text == "ab"
    assert checkpoint.messages[0]["content"] == "ab"


def test_a_foreign_agent_in_an_entry_is_left_out(drain, put, agent, foreign_agent):
    put(replace(entry(agent), agent_id=str(foreign_agent.pk)), entry(agent, text="mine"))
    drain.step(50)
    [checkpoint] = checkpoints(agent)
    assert checkpoint.user_text == "mine"


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
    found = [fields[FIELD] for _, fields in redis().xrange(stream) if turn.turn_id.encode() in fields[FIELD]]
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
