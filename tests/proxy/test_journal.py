"""From the journal to the vault: once, whatever is repeated, and past what is broken."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest
from django.test import override_settings

from agents.models import Checkpoint, Session, Trace
from ibex.core.ids import uuid7
from ibex.core.redis import close_async_redis, redis
from ibex.core.tenancy import scope
from proxy import journal
from proxy.drain import DEAD_LETTERS, Drain, replay_spool
from proxy.entry import TurnEntry
from proxy.journal import FIELD


def entry(agent, *, session_id=None, text="Hi", **checkpoint) -> TurnEntry:
    now = time.time()
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
    yield name
    redis().delete(name)


@pytest.fixture
def put(stream):
    def put(raw: bytes) -> None:
        redis().xadd(stream, {FIELD: raw})

    return put


@pytest.fixture
def drain(stream):
    drain = Drain()
    drain.open()
    return drain


def drained(drain: Drain, agent, condition):
    """Step until `condition` holds: other tests' entries may come first, and other drains may take ours."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        drain.step(block_ms=50)
        with scope(agent.org_id):
            if found := condition():
                return found
    raise AssertionError("the entry did not reach the vault")


def checkpoints(agent) -> list[Checkpoint]:
    return list(Checkpoint.objects.of(agent.org_id).order_by("said_at", "number"))


def test_a_turn_becomes_session_checkpoint_and_trace(drain, put, agent):
    turn = entry(agent)
    put(turn.to_bytes())
    [checkpoint] = drained(drain, agent, lambda: checkpoints(agent))
    with scope(agent.org_id):
        session = Session.objects.get()
        trace = Trace.objects.get()
    assert (checkpoint.user_text, checkpoint.assistant_text, checkpoint.number) == ("Hi", "Hello!", 1)
    assert checkpoint.prompt_tokens == 1  # counted here: the provider did not say
    assert (session.turn_count, session.completion_tokens) == (1, 4)
    assert trace.session_id == session.pk == UUID(turn.session_id)


def test_a_repeated_entry_changes_nothing(drain, put, agent):
    session_id = uuid7()
    turn, later = entry(agent, session_id=session_id), entry(agent, session_id=session_id, text="Bye")
    for raw in (turn.to_bytes(), turn.to_bytes(), later.to_bytes()):
        put(raw)
    drained(drain, agent, lambda: len(checkpoints(agent)) == 2)
    with scope(agent.org_id):
        assert {c.number for c in checkpoints(agent)} == {1, 2}
        assert Session.objects.get().turn_count == 2


def test_what_cannot_be_read_or_written_is_set_aside_and_blocks_nothing(drain, put, agent):
    marker = str(uuid4())
    broken = entry(agent, model="m" * 300, text=marker)  # a model's name of 300 characters fits no column
    good = entry(agent, text="fine")
    for raw in (f"no json {marker}".encode(), broken.to_bytes(), good.to_bytes()):
        put(raw)
    [checkpoint] = drained(drain, agent, lambda: checkpoints(agent))
    assert checkpoint.user_text == "fine"
    buried = [fields for _, fields in redis().xrange(DEAD_LETTERS) if marker.encode() in fields[FIELD]]
    assert {fields[b"why"] for fields in buried} == {b"unreadable", b"DataError"}


def test_text_with_a_null_character_is_kept_without_it(drain, put, agent):
    put(entry(agent, text="a\0b").to_bytes())
    [checkpoint] = drained(drain, agent, lambda: checkpoints(agent))
    assert checkpoint.user_text == "ab"
    assert checkpoint.messages[0]["content"] == "ab"


def test_a_foreign_agent_in_an_entry_is_left_out(drain, put, agent, foreign_agent):
    from dataclasses import replace

    put(replace(entry(agent), agent_id=str(foreign_agent.pk)).to_bytes())
    put(entry(agent, text="mine").to_bytes())
    [checkpoint] = drained(drain, agent, lambda: checkpoints(agent))
    assert checkpoint.user_text == "mine"


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
