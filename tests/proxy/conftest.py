"""Calls without a provider: the two ends of the request path that know a conversation, on the real Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol
from uuid import UUID, uuid4

import orjson
import pytest
from asgiref.sync import sync_to_async

from agents.authentication import agent_for, authenticate
from agents.models import Agent, Checkpoint, Organization, Session
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from ibex.providers.sse import ChatOutcome
from proxy import journal
from proxy.dialects.base import Dialect
from proxy.dialects.chat import Chat
from proxy.entry import TurnEntry
from proxy.record import record_answer, record_call
from proxy.switches import read_switches
from proxy.turn import Incoming, Turn
from proxy.turn_start import read_turn_start
from proxy.vault_writer import write_turns
from tests.factories import Person

CHAT = Chat()


class Begin(Protocol):
    """Begins a call: everything before the provider would be asked."""

    async def __call__(self, body: dict[str, Any], *, dialect: Dialect = CHAT, **headers: str) -> Turn: ...


class Call(Protocol):
    """One whole turn of a chat; returns it as it was recorded."""

    async def __call__(
        self, messages: list[Any], answer: str | ChatOutcome = "Fine.", *, fails: bool = False, **headers: str
    ) -> Turn: ...


@pytest.fixture
async def begin(hot_path: None, alice: Person, agent: Agent) -> Begin:
    principal = await authenticate(f"Bearer {alice.token}")
    card = await agent_for(principal, agent.slug)

    async def begin(body: dict[str, Any], *, dialect: Dialect = CHAT, **headers: str) -> Turn:
        names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        turn = Turn.begin(Incoming(method="POST", path="/", headers=names, body=b""), dialect.endpoint)
        payload = orjson.loads(orjson.dumps({"model": "m"} | body))
        turn.payload = dialect.view(payload)
        turn.principal, turn.agent = principal, card
        turn.switches = read_switches(names, turn.payload, trusts_body_user=True)
        turn.prints = dialect.prints(payload, turn.payload)
        turn.start = await read_turn_start(turn, principal, card)
        return turn

    return begin


@pytest.fixture
def call(begin: Begin) -> Call:
    async def call(
        messages: list[Any], answer: str | ChatOutcome = "Fine.", *, fails: bool = False, **headers: str
    ) -> Turn:
        turn = await begin({"messages": messages}, **headers)
        if fails:
            await record_call(turn, 502, "PROVIDER_UNAVAILABLE")
        else:
            outcome = answer if isinstance(answer, ChatOutcome) else ChatOutcome(text=answer, is_complete=True)
            await record_answer(turn, outcome)
        return turn

    return call


@pytest.fixture
def own_journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A journal that no drain reads."""
    stream = f"ibex:journal:{uuid4().hex}"
    monkeypatch.setattr(journal, "STREAM", stream)
    yield stream
    redis().delete(stream)


@pytest.fixture
def entries(own_journal: str) -> Callable[[], list[TurnEntry]]:
    """What has been journaled and not been taken yet."""

    def entries() -> list[TurnEntry]:
        rows: Any = redis().xrange(own_journal)
        redis().xtrim(own_journal, maxlen=0, approximate=False)
        return [TurnEntry.from_bytes(fields[journal.FIELD]) for _, fields in rows]

    return entries


@pytest.fixture
def drained(
    acme: Organization, entries: Callable[[], list[TurnEntry]]
) -> Callable[[], Awaitable[dict[UUID, list[Checkpoint]]]]:
    """Move the journal into the vault; returns its turns in their order, by session."""

    def drained() -> dict[UUID, list[Checkpoint]]:
        write_turns(acme.pk, entries())
        with scope(acme.pk):
            sessions = Session.objects.of(acme.pk).order_by("pk")
            return {session.pk: list(session.checkpoints.order_by("number")) for session in sessions}

    return sync_to_async(drained)


@pytest.fixture
def forget(acme: Organization) -> Callable[[], None]:
    """Take from Redis all that it knows of Acme, as its restart or a day would."""

    def forget() -> None:
        for key in redis().scan_iter(f"{acme.pk}:*"):
            redis().delete(key)

    return forget
