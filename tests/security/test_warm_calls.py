"""A warm call asks Redis once before its provider, and the vault nothing: who calls is known in this process."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
import redis.asyncio.connection

from agents.authentication import agent_for, authenticate
from agents.models import Agent
from agents.principal import Principal
from ibex.core.database import hot_pool
from ibex.core.redis_wire import RedisWire
from ibex.providers.sandbox import SandboxProvider
from memories.choices import Source
from tests.factories import Person
from tests.fuzz.calling import JSON_TYPE, Answer, call
from tests.memories.making import remember
from tests.security.conftest import PATIENCE_S, settled

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Where does Ann live?"}]}).encode()
PATHS = ["/v1/chat/completions", "/v1/embeddings"]


@dataclass
class Asked:
    """Round trips to Redis, and connections taken to ask the vault."""

    redis: int = 0
    other_redis: int = 0

    @property
    def vault(self) -> int:
        """The pool counts for itself."""
        return int(hot_pool().get_stats().get("requests_num", 0))

    def now(self) -> tuple[int, int]:
        """(Redis, vault)."""
        return self.redis + self.other_redis, self.vault


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Counts what this process asks, on the way out: the shared connection and the client with a pool."""
    counted = Asked()
    ask, send = RedisWire.ask, redis.asyncio.connection.AbstractConnection.send_packed_command

    async def counted_ask(wire: RedisWire, *args: Any, **options: Any) -> Any:
        counted.redis += 1
        return await ask(wire, *args, **options)

    async def counted_send(connection: Any, *args: Any, **options: Any) -> Any:
        counted.other_redis += 1
        return await send(connection, *args, **options)

    monkeypatch.setattr(RedisWire, "ask", counted_ask)
    monkeypatch.setattr(redis.asyncio.connection.AbstractConnection, "send_packed_command", counted_send)
    return counted


@pytest.fixture
def before_the_provider(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What had been asked when the provider was called, call by call."""
    seen: list[tuple[int, int]] = []
    send = SandboxProvider.send

    async def noted(provider: SandboxProvider, *args: Any) -> Any:
        seen.append(asked.now())
        return await send(provider, *args)

    monkeypatch.setattr(SandboxProvider, "send", noted)
    return seen


async def ask(path: str, alice: Person, agent: Agent, *headers: tuple[bytes, bytes]) -> Answer:
    body = BODY if path != "/v1/embeddings" else b'{"model": "m", "input": "Hi"}'
    identity = [
        (b"authorization", f"Bearer {alice.token}".encode()),
        (b"x-ibex-agent-id", agent.slug.encode()),
        JSON_TYPE,
    ]
    answer = await call(path, body, [*identity, *headers])
    assert answer.status == 200
    await settled()
    return answer


async def known(alice: Person, agent: Agent) -> Principal:
    """Who calls, once this process remembers it: an answer is not kept when a change, of another test's token say, was
    announced while the vault was asked.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            principal = await authenticate(f"Bearer {alice.token}")
            card = await agent_for(principal, agent.slug)
            is_kept = principal is await authenticate(f"Bearer {alice.token}")
            if is_kept and card is await agent_for(principal, agent.slug):
                return principal


async def test_who_calls_and_for_whom_is_known_without_asking_anybody(
    process: None, asked: Asked, alice: Person, agent: Agent
) -> None:
    principal = await known(alice, agent)
    before = asked.now()
    for _ in range(50):
        assert await authenticate(f"Bearer {alice.token}") is principal
        await agent_for(principal, agent.slug)
    assert asked.now() == before


@pytest.mark.parametrize("path", PATHS)
async def test_a_warm_call_without_memory_asks_redis_once_and_the_vault_nothing(
    process: None, asked: Asked, before_the_provider: list[tuple[int, int]], alice: Person, agent: Agent, path: str
) -> None:
    for _ in range(2):
        await ask(path, alice, agent, (b"x-ibex-memory", b"off"))
    redis_before, vault_before = asked.now()
    await ask(path, alice, agent, (b"x-ibex-memory", b"off"))
    assert before_the_provider[-1] == (redis_before + 1, vault_before)


async def test_a_warm_call_with_memory_asks_redis_once(
    process: None, asked: Asked, before_the_provider: list[tuple[int, int]], alice: Person, agent: Agent
) -> None:
    await asyncio.to_thread(remember, agent, "Ann lives in Oslo.", source=Source.USER_PROVIDED)
    for _ in range(2):
        await ask(PATHS[0], alice, agent)
    redis_before, _ = asked.now()
    answer = await ask(PATHS[0], alice, agent)
    assert before_the_provider[-1][0] == redis_before + 1
    assert answer.headers["x-ibex-memories-injected"] == "1"


async def test_a_refused_call_asks_redis_nothing(process: None, asked: Asked, alice: Person, agent: Agent) -> None:
    await ask(PATHS[0], alice, agent)
    before = asked.now()
    wrong = [
        (b"authorization", f"Bearer {alice.token[:-1]}".encode()),  # no token's form
        (b"x-ibex-agent-id", agent.slug.encode()),
        JSON_TYPE,
    ]
    assert (await call(PATHS[0], BODY, wrong)).status == 401
    assert (await call(PATHS[0], b"{", [(b"authorization", f"Bearer {alice.token}".encode()), JSON_TYPE])).status == 400
    assert asked.now() == before
