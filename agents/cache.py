"""What a process remembers for a short while: bounded, and safe against an answer that was old when it arrived."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExpiringCache(Generic[K, V]):
    """The `size` entries used last, each served until its own deadline and never after.

    `epoch` moves whenever something is dropped. Read it before looking a value up and hand it to `put`: when a change
    was announced in between, the value may be from before it and is not kept.
    """

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._lock = Lock()
        self.epoch = 0

    def get(self, key: K) -> V | None:
        """The value, when it is still fresh."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry[1] <= self._clock():
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def is_ageing(self, key: K, left_s: float) -> bool:
        """Whether the value will be served for less than `left_s` seconds more."""
        entry = self._entries.get(key)
        return entry is not None and entry[1] - self._clock() < left_s

    def has_known(self, key: K) -> bool:
        """Whether there is an entry, fresh or not."""
        return key in self._entries

    def put(self, key: K, value: V, *, ttl_s: float, epoch: int) -> None:
        """Remember `value` for `ttl_s` seconds, unless something was dropped since `epoch`."""
        with self._lock:
            if ttl_s <= 0 or epoch != self.epoch:
                return
            self._entries[key] = (value, self._clock() + ttl_s)
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        """Forget one value that is no longer so."""
        with self._lock:
            self._entries.pop(key, None)

    def drop(self, matches: Callable[[V], bool]) -> None:
        """Forget the values that match."""
        with self._lock:
            self.epoch += 1
            for key in [key for key, (value, _) in self._entries.items() if matches(value)]:
                del self._entries[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.epoch += 1
            self._entries.clear()
