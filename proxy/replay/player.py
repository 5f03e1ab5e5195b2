"""Plays recorded turns to a running IBEX as its applications would: through /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ibex.providers.client import send
from memories.transfer.recorded import RecordedTurn
from proxy.replay.recording import Question

MODEL = "ibex-sandbox"


class ReplayRefused(Exception):
    """IBEX did not take a turn; the message is its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What IBEX said to a question."""

    text: str
    memories_injected: int


class Player:
    """One application that talks to one agent."""

    def __init__(self, *, base_url: str, token: str, agent: str, model: str = MODEL) -> None:
        self._url = f"{base_url.rstrip('/')}/v1/chat/completions"
        self._model = model
        self._headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "x-ibex-agent-id": agent,
        }

    async def play(self, turn: RecordedTurn) -> None:
        """Send one turn as if it were said now, at its own time. Raises ReplayRefused."""
        message: dict[str, Any] = {"role": "user", "content": turn.user}
        if turn.speaker:
            message["name"] = turn.speaker
        body: dict[str, Any] = {"model": self._model, "messages": [message]}
        if turn.assistant is not None:
            body["metadata"] = {"sandbox_reply": turn.assistant}
        headers = {"X-IBEX-Session-ID": turn.session, "X-IBEX-Said-At": turn.at.isoformat()}
        await self._send(body, headers, turn.end_user)

    async def ask(self, question: Question) -> Answer:
        """Ask in a session of its own; nothing is learned from it."""
        body = {"model": self._model, "messages": [{"role": "user", "content": question.text}]}
        said, headers = await self._send(body, {"X-IBEX-Memory": "read"}, question.end_user)
        text = said["choices"][0]["message"]["content"] or ""
        return Answer(text=text, memories_injected=int(headers.get("x-ibex-memories-injected", "0")))

    async def _send(
        self, body: Mapping[str, Any], headers: dict[str, str], end_user: str
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        headers = self._headers | headers
        if end_user:
            headers["X-IBEX-User-ID"] = end_user
        answer = await send("POST", self._url, headers=headers, body=orjson.dumps(body))
        said = orjson.loads(await answer.read())
        if answer.status != 200:
            raise ReplayRefused(said.get("error", {}).get("message", f"HTTP {answer.status}"))
        return said, answer.headers
