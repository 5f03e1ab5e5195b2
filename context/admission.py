"""How many assemblies may search the vault at once.

Fifty calls of one instant cost fifty times the CPU of one: were all of them to search, all would be late. Beyond the
limit a call goes without the cold search, and says so, so that those before it are in time (LIMITS section 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SEARCHES_IN_FLIGHT = 16
"""For a process on two cores; 12 to 20 were measured as the bound."""


class Admission:
    """A bounded counter of one event loop; nobody waits."""

    def __init__(self, limit: int = SEARCHES_IN_FLIGHT) -> None:
        self.limit = limit
        self.in_flight = 0

    @contextmanager
    def place(self, *, wanted: bool = True) -> Iterator[bool]:
        """Whether this call may search, for as long as the block lasts. One that wants no search takes no place."""
        admitted = wanted and self.in_flight < self.limit
        self.in_flight += admitted
        try:
            yield admitted
        finally:
            self.in_flight -= admitted
