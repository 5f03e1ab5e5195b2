"""Questions' vectors by threads of C that never take Python's lock, for the one event loop that serves callers.

A thread of Python's waits for the lock when it is given a question and again when it has the vector, up to 5 ms each
time while the loop is busy with others, and the loop waits for it: of 50 callers on two cores three searches in a
hundred were late for that alone.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ibex.core.native import address, declared
from memories.embedding.encoder import DIMENSIONS
from memories.embedding.errors import EmbeddingUnavailable
from memories.embedding.queries import NativeEncoder, Vector

SOURCE = Path(__file__).with_name("threads.c")
EVENT_BYTES = 8
_P, _INT, _NUMBER = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_FUNCTIONS = {
    "start": (_P, (_P, _P, ctypes.c_long, _INT)),
    "stop": (None, (_P,)),
    "event_of": (_INT, (_P,)),
    "submitted": (_INT, (_P, _NUMBER, _P, _INT, _P)),
    "taken": (_NUMBER, (_P,)),
    "dropped": (_INT, (_P, _NUMBER)),
}

_Job = tuple[asyncio.Future[Vector], np.ndarray[tuple[int], np.dtype[np.int32]], Vector]
"""Who waits, and what the C code reads and writes meanwhile."""


@lru_cache(maxsize=1)
def code() -> ctypes.CDLL | None:
    """The functions of the C file; None where they cannot be had. The first call compiles them."""
    return declared(SOURCE, _FUNCTIONS)


class EncoderThreads:
    """Of the event loop that makes it, until it is stopped. Not for other threads."""

    def __init__(
        self, compiled: ctypes.CDLL, encoder: NativeEncoder, ids: Callable[[str], Sequence[int]], *, threads: int
    ) -> None:
        """`ids`: the token ids of a text. Raises EmbeddingUnavailable where the system gives no threads."""
        self.loop = asyncio.get_running_loop()
        self._code = compiled
        self._encoder = encoder  # its weights are read by the threads
        self._ids = ids
        self._jobs: dict[int, _Job] = {}
        self._numbers = itertools.count()
        self._threads: int | None = compiled.start(encoder.function, encoder.model, encoder.work_bytes, threads)
        if self._threads is None:
            raise EmbeddingUnavailable
        self._event = compiled.event_of(self._threads)
        self.loop.add_reader(self._event, self._tell)

    @property
    def in_flight(self) -> int:
        """Questions that wait or that a thread is at."""
        return len(self._jobs)

    def submit(self, text: str) -> asyncio.Future[Vector]:
        """The vector (384) of `text`; where it is cancelled before a thread is at it, it is not made."""
        given, vector = self._encoder.checked(self._ids(text)), np.empty(DIMENSIONS, dtype=np.float32)
        future: asyncio.Future[Vector] = self.loop.create_future()
        number = next(self._numbers)
        if not self._code.submitted(self._threads, number, address(given), len(given), address(vector)):
            raise MemoryError
        self._jobs[number] = (future, given, vector)
        future.add_done_callback(lambda done: self._drop(number) if done.cancelled() else None)
        return future

    def stop(self) -> None:
        """End the threads, which takes as long as one vector; who still waits is told to give up."""
        if self._threads is None:
            return
        if not self.loop.is_closed():
            self.loop.remove_reader(self._event)
        self._code.stop(self._threads)
        self._threads = None
        jobs, self._jobs = self._jobs, {}
        for future, _, _ in jobs.values() if not self.loop.is_closed() else ():
            future.cancel()

    def _tell(self) -> None:
        os.read(self._event, EVENT_BYTES)
        while (number := self._code.taken(self._threads)) >= 0:
            future, _, vector = self._jobs.pop(number)
            if not future.done():
                future.set_result(vector)

    def _drop(self, number: int) -> None:
        """One that a thread is at keeps its memory until it is done."""
        if self._threads is not None and self._code.dropped(self._threads, number):
            del self._jobs[number]
