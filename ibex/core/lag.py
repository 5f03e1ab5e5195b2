"""How late the event loop is: what runs in it waits so long each time that it waits at all."""

from __future__ import annotations

import asyncio
import time

BEAT_S = 0.02
SMOOTHING = 0.2
"""Of the latest beat: a busy loop is known after about five."""
BEAT_LATE_MAX_S = 0.015
"""What one beat may count for: a single long callback does not make a loop busy."""


class Lag:
    """Of one event loop; `seconds` stays 0 until `watch` runs in it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def watch(self) -> None:
        """Measure until cancelled; what was measured ends with it."""
        self.seconds = 0.0
        try:
            while True:
                due = time.monotonic() + BEAT_S
                await asyncio.sleep(BEAT_S)
                late_s = min(BEAT_LATE_MAX_S, max(0.0, time.monotonic() - due))
                self.seconds += SMOOTHING * (late_s - self.seconds)
        finally:
            self.seconds = 0.0


loop_lag = Lag()
