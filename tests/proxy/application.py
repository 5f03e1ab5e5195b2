"""An application that talks to IBEX in the test's own event loop, and what its provider was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import pytest

from agents.models import Agent
from context import assembler
from ibex.providers.sandbox import SandboxProvider
from tests.factories import Person
from tests.proxy.asgi import Answered, call

PATIENCE_S = 30.0
CHAT = "/v1/chat/completions"


@dataclass
class Application:
    """It sends its whole history every time, and names no session unless told to."""

    headers: dict[str, str]
    received: list[dict[str, Any]]
    """What the provider got, call by call."""
    drained: Callable[[], Awaitable[Any]]
    history: list[Any] = field(default_factory=list)
    answer: Answered | None = None

    async def ask(self, text: str, **headers: str) -> list[Any]:
        """The user speaks, the model answers, the turn is in the vault; returns the messages that were sent."""
        self.history.append({"role": "user", "content": text})
        self.answer = await self.call(CHAT, **headers)
        assert self.answer.status == 200, self.answer.body
        self.history.append(self.answer.json["choices"][0]["message"])
        await self.drained()
        messages: list[Any] = self.received[-1]["messages"]
        return messages

    async def call(self, path: str, body: Any = None, **headers: str) -> Answered:
        """One call with the history as it stands, or with another body."""
        sent = {"model": "gpt-4o", "messages": self.history} if body is None else body
        return await call("POST", path, sent, **(self.headers | headers))

    @property
    def session_id(self) -> UUID:
        """Of the latest call."""
        assert self.answer is not None
        return UUID(self.answer.headers["x-ibex-session-id"])

    @property
    def request_id(self) -> str:
        """Of the latest call."""
        assert self.answer is not None
        return self.answer.headers["x-request-id"]


@pytest.fixture
def application(
    hot_path: None,
    alice: Person,
    agent: Agent,
    drained: Callable[[], Awaitable[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> Application:
    """Of Alice's, with all the time it wants: a busy machine must not decide what is found."""
    for name in ("RETRIEVAL_DEADLINE_S", "WALL_S"):
        monkeypatch.setattr(assembler, name, PATIENCE_S)
    received: list[dict[str, Any]] = []
    send = SandboxProvider.send

    async def noted(provider: SandboxProvider, upstream: Any, sent: Any) -> Any:
        received.append(orjson.loads(sent.body))
        return await send(provider, upstream, sent)

    monkeypatch.setattr(SandboxProvider, "send", noted)
    headers = {"authorization": f"Bearer {alice.token}", "x_ibex_agent_id": agent.slug}
    return Application(headers=headers, received=received, drained=drained)
