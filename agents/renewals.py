"""Looking up again, behind the callers' backs, what is remembered and will soon be forgotten.

So a caller who comes often never waits for the vault, and a vault that is away for a while is not noticed by those who
were verified shortly before. Nothing is remembered longer for it: a renewal is a verification like the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

import structlog

from ibex.core import metrics
from ibex.core.errors import IbexError

AT_ONCE = 4
"""They share the hot path's connections; others are renewed with a later call."""
PAUSE_S = 1.0
"""After one that failed, before another is begun: the vault is away."""

_log = structlog.get_logger(__name__)


class Renewals:
    """Each key once at a time; never raises, never waits."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[None]] = {}
        self._pause_until = 0.0

    def begin(self, key: Hashable, look_up: Callable[[], Awaitable[None]]) -> None:
        """Start `look_up`, unless it is under way, or many are, or the last one failed a moment ago."""
        loop = asyncio.get_running_loop()
        for other in [other for other, task in self._running.items() if task.get_loop() is not loop]:
            del self._running[other]
        if key not in self._running and len(self._running) < AT_ONCE and loop.time() >= self._pause_until:
            self._running[key] = loop.create_task(self._renew(key, look_up))

    async def _renew(self, key: Hashable, look_up: Callable[[], Awaitable[None]]) -> None:
        try:
            await look_up()
        except IbexError as error:
            self._pause_until = asyncio.get_running_loop().time() + PAUSE_S
            metrics.FAIL_OPEN.labels(step="renewal").inc()
            _log.warning("not_renewed", error=error.code)
        finally:
            self._running.pop(key, None)
