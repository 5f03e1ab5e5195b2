"""What the tests of the journal share: a stream of their own, entries to put into it, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.models import Agent, Checkpoint
from ibex.core.ids import uuid7
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from proxy.dead_letters import dead_letters_key
from proxy.drain import Drain
from proxy.entry import TurnEntry
from proxy.journal import FIELD, GROUP


def entry(
    agent: Agent,
    *,
    session_id: UUID | None = None,
    text: str = "Hi",
    started_at: float | None = None,
    **checkpoint: Any,
) -> TurnEntry:
    """A finished turn of the agent; `checkpoint` replaces columns of it."""
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


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A journal that no other test's drain reads."""
    name = f"ibex:journal:{uuid4().hex}"
    monkeypatch.setattr("proxy.drain.STREAM", name)
    monkeypatch.setattr("proxy.journal.STREAM", name)
    monkeypatch.setattr("proxy.management.commands.drain.STREAM", name)
    yield name
    redis().delete(name)


@pytest.fixture
def put(stream: str) -> Callable[..., None]:
    """Put turns, or whatever bytes, into the stream."""

    def put(*turns: TurnEntry | bytes) -> None:
        for turn in turns:
            redis().xadd(stream, {FIELD: turn if isinstance(turn, bytes) else turn.to_bytes()})

    return put


@pytest.fixture
def drain(stream: str) -> Drain:
    """A drain that may begin."""
    drain = Drain()
    drain.open()
    return drain


def checkpoints(agent: Agent) -> list[Checkpoint]:
    """In the order they were said."""
    with scope(agent.org_id):
        return list(Checkpoint.objects.of(agent.org_id).order_by("said_at", "number"))


def texts(agent: Agent, session_id: UUID) -> list[str]:
    """What was said in a session, by number."""
    with scope(agent.org_id):
        rows = Checkpoint.objects.of(agent.org_id).filter(session_id=session_id).order_by("number")
        return [row.user_text for row in rows]


def dead_letters(agent: Agent) -> list[dict[bytes, bytes]]:
    """The fields of each."""
    return [fields for _, fields in redis().xrange(dead_letters_key(agent.org_id))]


def waiting(stream: str) -> tuple[int, int]:
    """Entries in the stream, and those that were read and not acknowledged."""
    return redis().xlen(stream), redis().xpending(stream, GROUP)["pending"]
