"""Callers who keep calling, and what each of their calls was like."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.flow.conftest import wait_for

PAUSE_S = 0.1
CALL_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One call. Times are `time.monotonic`."""

    marker: str
    """The user's text, which no other call has."""
    began: float
    took_ms: float
    """Until the last byte."""
    status: int
    """0: there was no answer."""
    lacks: bool
    """What X-IBEX-Context-Fallback said."""
    is_whole: bool
    """The stream ended as streams end; whole answers always do."""


@dataclass
class Callers:
    """So many, on a thread of their own; every other one streams. Each call is of another end user, so that what the
    process holds of earlier ones does not answer it.
    """

    url: str
    headers: dict[str, str]
    count: int = 5
    answers: list[Answered] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start calling."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._call()), name="callers")
        self._thread.start()

    def end(self) -> None:
        """Begin no more calls, and return when those under way have ended."""
        self._is_over.set()
        if self._thread:
            self._thread.join()

    def await_more(self, calls: int, *, seconds: float) -> None:
        """Wait until so many more calls have ended."""
        goal = len(self.answers) + calls
        wait_for(lambda: len(self.answers) >= goal, seconds=seconds, what=f"{calls} more calls")

    def await_complete(self, calls: int, *, seconds: float) -> None:
        """Wait until so many more calls lacked nothing; on a busy machine some do, whatever else goes on."""
        before = len(self.answers)

        def is_complete() -> bool:
            return sum(each.status == 200 and not each.lacks for each in self.answers[before:]) >= calls

        wait_for(is_complete, seconds=seconds, what=f"{calls} complete answers")

    def between(self, began: float, ended: float) -> Sequence[Answered]:
        """The calls that began and ended within that time."""
        return [each for each in self.answers if began <= each.began and each.began + each.took_ms / 1000 <= ended]

    async def _call(self) -> None:
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=self.headers) as client:
            await asyncio.gather(*(self._caller(client, is_stream=bool(n % 2)) for n in range(self.count)))

    async def _caller(self, client: aiohttp.ClientSession, *, is_stream: bool) -> None:
        while not self._is_over.is_set():
            await asyncio.sleep(PAUSE_S)
            marker, began = f"What did I say about {uuid4()}?", time.monotonic()
            body = {"model": "instant", "messages": [{"role": "user", "content": marker}], "stream": is_stream}
            status, lacks, is_whole = 0, False, False
            try:
                async with client.post(self.url, json=body, headers={"X-IBEX-User-ID": marker[-20:]}) as response:
                    raw = await response.read()
                    status, lacks = response.status, response.headers.get("X-IBEX-Context-Fallback") == "true"
                    is_whole = not is_stream or raw.endswith(b"data: [DONE]\n\n")
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            took_ms = (time.monotonic() - began) * 1000
            self.answers.append(
                Answered(
                    marker=marker, began=began, took_ms=took_ms, status=status, lacks=lacks, is_whole=is_whole
                )
            )  # fmt: skip
