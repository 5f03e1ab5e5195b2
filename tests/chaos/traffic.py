"""Callers who never give up: each sends its next call when the last one has ended, however it ended."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.flow.conftest import wait_for

CALLERS = 10
TURNS_A_SESSION = 12
CALL_TIMEOUT_S = 30.0
RETRY_PAUSE_S = 0.05
"""Between a refused connection and the next try."""
LEARNING_EVERY = 10
"""Of so many turns one may be learned from: extraction has some work too."""
PARALLEL = (0, 1)
"""Callers who share their sessions, so that calls of one session are under way at the same time."""
NAMELESS = (2, 3)
"""Callers who send their whole history and no session id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A turn whose end its caller has seen."""

    marker: str
    """The user's text, which no other turn has."""
    session: str
    """The caller's own id of it; empty for who names none."""
    order: int
    """Its place among its caller's turns of the session."""
    is_alone: bool
    """No other caller speaks in this session: its turns are numbered in this order."""


@dataclass
class Traffic:
    """Callers on a thread of their own."""

    url: str
    headers: dict[str, str]
    finished: list[Finished] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    """Calls that ended otherwise, by how."""
    _is_over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start calling."""
        self._is_over.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._call()), name="callers")
        self._thread.start()

    def end(self) -> None:
        """Begin no more calls, and return when those under way have ended."""
        self._is_over.set()
        if self._thread:
            self._thread.join()

    def await_more(self, turns: int, *, seconds: float) -> None:
        """Wait until so many more turns have finished."""
        goal = len(self.finished) + turns
        wait_for(lambda: len(self.finished) >= goal, seconds=seconds, what=f"{turns} more turns")

    async def _call(self) -> None:
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=self.headers) as client:
            await asyncio.gather(*(self._caller(client, number) for number in range(CALLERS)))

    async def _caller(self, client: aiohttp.ClientSession, number: int) -> None:
        nonce, sent = uuid4().hex[:8], 0
        history: list[dict[str, str]] = []
        while not self._is_over.is_set():
            if sent % TURNS_A_SESSION == 0:
                history = []
            name = f"chaos-{'shared' if number in PARALLEL else f'{nonce}-{number}'}-{sent // TURNS_A_SESSION}"
            turn = Finished(
                marker=f"{name} {sent} {uuid4()}",
                session="" if number in NAMELESS else name,
                order=sent,
                is_alone=number not in PARALLEL,
            )
            sent += 1
            # Who names no session is known by the history; the others leave it to IBEX.
            messages = [*(history if number in NAMELESS else []), {"role": "user", "content": turn.marker}]
            answer = await self._ask(client, turn, messages, is_stream=bool(number % 2))
            if answer is None:
                await asyncio.sleep(RETRY_PAUSE_S)
            else:
                self.finished.append(turn)
                history = [*messages, {"role": "assistant", "content": answer}]

    async def _ask(
        self, client: aiohttp.ClientSession, turn: Finished, messages: list[dict[str, str]], *, is_stream: bool
    ) -> str | None:
        """The answer's words, or None when its end was not seen."""
        headers = {"X-IBEX-Memory": "on" if turn.order % LEARNING_EVERY == 0 else "read"}
        headers |= {"X-IBEX-Session-ID": turn.session} if turn.session else {}
        body = {"model": "instant", "messages": messages, "stream": is_stream}
        try:
            async with client.post(self.url, json=body, headers=headers) as response:
                raw = await response.read()
                if response.status != 200:
                    self.broken[str(response.status)] += 1
                    return None
                return _streamed(raw) if is_stream else json.loads(raw)["choices"][0]["message"]["content"]
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            self.broken[type(error).__name__] += 1
            return None


def _streamed(raw: bytes) -> str | None:
    if not raw.endswith(b"data: [DONE]\n\n"):
        return None
    events = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith(b"data: {")]
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events)
