"""Metrics of all processes of one machine: each counts in files of one folder, and whoever is asked adds them up.

A process takes the lowest number that no living one has, and counts on from where the number's last holder stopped. So
there are as many files as there were ever processes at a time, however often workers are replaced, and no count is
lost with a process that is killed. A count costs half a microsecond more than in the process's own memory, a histogram
two; a call has about ten of each.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest, multiprocess, values
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

GAUGES: Final = "livesum"
"""How gauges of several processes are one: added up, of those that live."""
FILE_BYTES = 256 << 10
"""Claimed from the disk at once: writing to a page that a full disk cannot give kills a process."""
_PRIVATE = 0o600
_multiprocess: Any = multiprocess  # it has no types
_values: Any = values
_log = structlog.get_logger(__name__)


def shared_metrics(folder: Path) -> SharedMetrics | None:
    """Call it before the first metric is made: those made later are counted in `folder`.

    Where that cannot be, each process counts for itself: a full disk must not keep one from starting.
    """
    try:
        return SharedMetrics(folder)
    except OSError as error:
        _values.ValueClass = _values.MutexValue
        _log.warning("metrics_not_shared", error=type(error).__name__)
        return None


class SharedMetrics:
    """The folder, as one process uses it. Raises OSError when it cannot be used."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._lock = -1
        self._number = ""
        self.number()
        os.register_at_fork(after_in_child=self._forget)
        _values.ValueClass = _values.MultiProcessValue(self.number)

    def number(self) -> str:
        """This process's own, among those that live."""
        if not self._number:
            self._number = self._claim()
        return self._number

    def exposition(self) -> bytes:
        """What all processes have counted, the gauges of those that live, and what each of these uses."""
        registry = CollectorRegistry()
        registry.register(_Usage(list(self._living())))
        _multiprocess.MultiProcessCollector(registry, path=str(self._folder))
        return generate_latest(registry)

    def _living(self) -> Iterator[str]:
        """Process ids of those that hold a number; the gauges of those that did go."""
        for path in self._folder.glob("*.lock"):
            lock = _taken(path)
            if lock is None:
                yield path.read_text()
            else:
                _multiprocess.mark_process_dead(path.stem, str(self._folder))
                os.close(lock)

    def _claim(self) -> str:
        number, lock = next(
            (str(number), lock)
            for number in count(1)
            if (lock := _taken(self._folder / f"{number}.lock")) is not None
        )  # fmt: skip
        self._lock = lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        _multiprocess.mark_process_dead(number, str(self._folder))
        for kind in ("counter", "histogram", f"gauge_{GAUGES}"):
            descriptor = os.open(self._folder / f"{kind}_{number}.db", os.O_RDWR | os.O_CREAT, _PRIVATE)
            os.posix_fallocate(descriptor, 0, FILE_BYTES)
            os.close(descriptor)
        return number

    def _forget(self) -> None:
        """A forked worker counts under a number of its own, once it has something to count."""
        if self._number:
            os.close(self._lock)
            self._number = ""


class _Usage(Collector):
    """CPU, memory and open files, as prometheus_client tells of one process, for each of several."""

    def __init__(self, pids: Sequence[str]) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        found: dict[str, Metric] = {}
        for pid in self._pids:
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                samples = [each._replace(labels={"pid": pid}) for each in metric.samples]
                if metric.name in found:
                    found[metric.name].samples += samples
                else:
                    metric.samples = samples
                    found[metric.name] = metric
        return found.values()


def _taken(path: Path) -> int | None:
    """The descriptor that holds the lock until it is closed, or the process ends; None: another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
