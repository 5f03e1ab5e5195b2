"""How many assemblies may search the vault at once.

Fifty calls of one instant cost fifty times the CPU of one: were all of them to search, all would be late. Beyond the
limit a call goes without the cold search, and says so, so that those before it are in time. So does a call that finds
the event loop busy: a search waits for the loop several times, and would be late whatever it costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ibex.core.lag import Lag
from ibex.core.patience import patient

SEARCHES_IN_FLIGHT = 16
"""For a process on two cores; 12 to 20 were measured as the bound."""
BUSY_FROM_S = patient(0.015)
"""Lag of the event loop. A search comes back to it about three times within its 40 ms."""


class Admission:
    """A bounded counter of one event loop; nobody waits."""

    def __init__(self, limit: int = SEARCHES_IN_FLIGHT, lag: Lag | None = None) -> None:
        self.limit = limit
        self.lag = lag or Lag()
        self.in_flight = 0

    @contextmanager
    def place(self, *, wanted: bool = True) -> Iterator[bool]:
        """Whether this call may search, for as long as the block lasts. One that wants no search takes no place."""
        admitted = wanted and self.in_flight < self.limit and self.lag.seconds < BUSY_FROM_S
        self.in_flight += admitted
        try:
            yield admitted
        finally:
            self.in_flight -= admitted
