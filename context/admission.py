"""How many assemblies may search the vault at once: as many as are in time.

Fifty calls of one instant cost fifty times the CPU of one: were all of them to search, all would be late, and a search
that is late was work for nothing. So the number follows what the machine has just shown it can do, as TCP follows a
network: a little more for each round of searches in time, less for a late one, and a pause where even a single search
is late. Beyond it a call goes without the cold search, and says so. So does a call that finds the event loop busy: a
search waits for the loop several times, and would be late whatever it costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ibex.core.lag import Lag
from ibex.core.patience import patient
from ibex.env import env

SEARCHES_IN_FLIGHT = 16
"""At most, of all web processes of a machine: 12 to 20 were measured as the bound for one process on two cores."""
SEARCHES_AT_FIRST = 4.0
BUSY_FROM_S = patient(0.008)
"""Lag of the event loop, on average. Single turns are several times as long, and a search takes about four.

50 callers on two cores (25 s of benchmarks/assembly.py): from 8 ms on 76 to 90 % of calls are complete, and the 95th
percentile of assembly is 44 to 49 ms, as fast as the machine is just then; from 4 ms on 68 % and 45; where the loop is
not looked at (20 ms), 88 % and 47."""
MORE_A_ROUND = 0.1
LESS_WHEN_LATE = 0.7
"""Share of the number that is left. TCP's own 1 and .5 ask for too much every few searches: of 50 callers on two cores
that cannot carry them all (15 s of benchmarks/assembly.py) 11 in 100 waited for a search that was late, and the 95th
percentile of assembly was 50 ms; so 4 do, it is 45, and as many calls are complete."""
LOWERED_AGAIN_S = 0.05
"""After it; searches that were under way together are late together, and count once."""
PAUSE_MIN_S, PAUSE_MAX_S = 0.05, 1.0
"""Between the searches of a machine that cannot do one in time. A late one doubles it, one in time halves it."""


class Admission:
    """A bounded counter of one event loop; nobody waits."""

    def __init__(
        self, limit: int | None = None, lag: Lag | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most = limit or max(1, SEARCHES_IN_FLIGHT // env().web_processes)
        self.lag = lag or Lag()
        self.in_flight = 0
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """What was learned of searches so far."""
        self.limit = min(float(self.most), SEARCHES_AT_FIRST)
        self._lowered_at = -LOWERED_AGAIN_S
        self._pause_s = PAUSE_MIN_S
        self._closed_until = 0.0

    @contextmanager
    def place(self, *, wanted: bool = True, is_over: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Whether this call may search, for as long as the block lasts. One that wants no search takes no place.

        A block that is cancelled was late where `is_over` says that its time is; else its caller has left, which says
        nothing of searches.
        """
        admitted = wanted and self.in_flight < int(self.limit) and self.lag.seconds < BUSY_FROM_S
        admitted = admitted and self._clock() >= self._closed_until
        self.in_flight += admitted
        try:
            yield admitted
        except asyncio.CancelledError:
            if admitted and is_over():
                self.learn(in_time=False)
            raise
        finally:
            self.in_flight -= admitted

    def learn(self, *, in_time: bool) -> None:
        """What became of a search that was admitted."""
        if in_time:
            self.limit = min(self.most, self.limit + MORE_A_ROUND / self.limit)
            self._pause_s = max(PAUSE_MIN_S, self._pause_s / 2)
            return
        now = self._clock()
        if now - self._lowered_at < LOWERED_AGAIN_S:
            return
        self._lowered_at = now
        if self.limit < 2:
            self._closed_until = now + self._pause_s
            self._pause_s = min(PAUSE_MAX_S, 2 * self._pause_s)
        self.limit = max(1.0, self.limit * LESS_WHEN_LATE)
