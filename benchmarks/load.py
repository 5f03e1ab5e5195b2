"""A closed loop of callers: each sends its next call when its last one has ended, at once or after a pause.

Run it by `uvloop.run`: on a machine that both share, what the callers cost is taken from what is measured.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from benchmarks.caller import BROKEN, Caller, headers_of


@dataclass
class Run:
    """What a run came to."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    errors: int = 0
    headers: list[Mapping[str, str]] = field(default_factory=list)
    """Of each answer, when asked for."""

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.seconds if self.seconds else 0.0


async def drive(
    url: str,
    headers: Mapping[str, str],
    body: Callable[[int], dict[str, object]],
    *,
    callers: int,
    seconds: float,
    pause_s: float = 0.0,
    keep_headers: bool = False,
    ramp_s: float = 0.0,
) -> Run:
    """Run `callers` for `seconds`; `body(i)` is the i-th call's. `pause_s` is the mean of their pauses, ± 50 %; they
    begin one after the other within `ramp_s`, and what they do until all have begun is not counted.
    """
    run = Run()
    counter = iter(range(10**9))
    counted_from = time.perf_counter() + ramp_s
    end = counted_from + seconds

    async def caller(begins_after_s: float) -> None:
        line = Caller(url, headers)
        await asyncio.sleep(begins_after_s)
        while time.perf_counter() < end:
            if pause_s:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            data = orjson.dumps(body(next(counter)))
            started = time.perf_counter()
            try:
                status, head = await line.post(data)
            except OSError:
                status, head = BROKEN, b""
            if time.perf_counter() < counted_from:
                continue
            if status == 200:
                run.latencies_ms.append((time.perf_counter() - started) * 1000)
                if keep_headers:
                    run.headers.append(headers_of(head))
            else:
                run.errors += 1
        line.close()

    await asyncio.gather(*(caller(ramp_s * number / callers) for number in range(callers)))
    run.seconds = time.perf_counter() - counted_from
    return run
