"""One IBEX on one data folder."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ibex.core.secrets import PRIVATE_FILE_MODE
from ibex.embedded.errors import StartError

END_BY_THEMSELVES_S = 10.0
"""A killed run's processes are told to stop by the kernel; PostgreSQL writes a checkpoint then."""
END_WHEN_KILLED_S = 5.0
WAIT_POLL_S = 0.1


@contextmanager
def only_one(path: Path, say: Callable[[str], None]) -> Iterator[int]:
    """Hold the lock of a data folder and give its descriptor, for every process of this run to inherit.

    The lock is free when the last of them has ended. So what is left of a killed run is waited for, then killed, while
    a run that is alive is an error at once: StartError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
    try:
        if not _taken(descriptor):
            _wait(descriptor, path, say)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {_birth(os.getpid())}".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path, say: Callable[[str], None]) -> None:
    pid, _, birth = os.pread(descriptor, 64, 0).decode().partition(" ")
    if pid.isdigit() and birth == _birth(int(pid)):
        raise StartError(
            f"IBEX already runs on {path.parent} (process {pid}): stop it first, or give the second one "
            "another IBEX_DATA_DIR and IBEX_PORT."
        )
    say("Waiting for what is left of a run that was killed…")
    if _taken_within(END_BY_THEMSELVES_S, descriptor):
        return
    holders = _holders(descriptor)
    say(f"Killing {', '.join(map(str, holders))}, which did not stop…")
    for holder in holders:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(holder, signal.SIGKILL)
    if not _taken_within(END_WHEN_KILLED_S, descriptor):
        raise StartError(f"Processes of an earlier run still use {path.parent}: end those that have {path.name} open.")


def _holders(descriptor: int) -> list[int]:
    """The other processes that have the file open, as far as this user may see them."""
    file, found = os.fstat(descriptor), set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.path.samestat(file, entry.stat()):
                found.add(int(entry.parts[2]))
    return sorted(found - {os.getpid()})


def _taken_within(seconds: float, descriptor: int) -> bool:
    deadline = time.monotonic() + seconds
    while not _taken(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(WAIT_POLL_S)
    return True


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _birth(pid: int) -> str:
    """When the process started, in ticks since boot: with its id it names one process only. Empty: there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
