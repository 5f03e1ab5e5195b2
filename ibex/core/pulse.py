"""Whether PostgreSQL answers: found out behind the callers' backs, once somebody has reason to doubt it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import structlog

from ibex.core import metrics
from ibex.core.patience import patient

SILENT_AFTER_S = patient(0.25)
"""A new connection and its first answer take a few milliseconds, on a busy machine a hundred."""
GIVEN_UP_AFTER_S = patient(2.0)
ASK_AGAIN_S = 0.1
CERTAIN_S = 1.0
"""After an answer no doubt is looked into for so long: on a busy machine many have reason to."""

_log = structlog.get_logger(__name__)


class Pulse:
    """Belongs to one event loop. `ask` raises when there is no answer; `wake` is called when there is one again."""

    def __init__(self, ask: Callable[[], Awaitable[None]], wake: Callable[[], Awaitable[None]]) -> None:
        self._ask = ask
        self._wake = wake
        self._asking: asyncio.Task[None] | None = None
        self._certain_until = 0.0
        self.is_silent = False

    def doubt(self) -> None:
        """Somebody waits longer than usual, or has failed: look into it. Never waits."""
        loop = asyncio.get_running_loop()
        if (self._asking is None or self._asking.done()) and loop.time() >= self._certain_until:
            self._asking = loop.create_task(self._ask_until_answered())

    def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask_until_answered(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            silence = loop.call_later(SILENT_AFTER_S, self._fall_silent)
            try:
                async with asyncio.timeout(GIVEN_UP_AFTER_S):
                    await self._ask()
                break
            except (psycopg.Error, OSError, TimeoutError):
                self._fall_silent()
            finally:
                silence.cancel()
            await asyncio.sleep(ASK_AGAIN_S)
        self._certain_until = loop.time() + CERTAIN_S
        if self.is_silent:
            self.is_silent = False
            _log.warning("vault_answers_again")
            await self._wake()

    def _fall_silent(self) -> None:
        if not self.is_silent:
            self.is_silent = True
            metrics.FAIL_OPEN.labels(step="vault_silent").inc()
            _log.warning("vault_is_silent")
