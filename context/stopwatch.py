from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Milliseconds by stage of one assembly; stages may overlap, since retrieval is parallel."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside, failed or cancelled as well."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name] = _milliseconds_since(started)

    def stages(self) -> dict[str, float]:
        """What was timed, and the whole until now as `assembly`."""
        return {**self._stages, "assembly": _milliseconds_since(self._started)}


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1e3, 3)
