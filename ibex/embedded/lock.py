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

DYING_S = 1.0
"""How long a process that was killed may take to be gone."""
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
    owner = os.pread(descriptor, 64, 0).decode()
    if not _within(DYING_S, lambda: not _is_alive(owner)):
        raise StartError(
            f"IBEX already runs on {path.parent} (process {owner.partition(' ')[0]}): stop it first, or give the "
            "second one another IBEX_DATA_DIR and IBEX_PORT."
        )
    say("Waiting for what is left of a run that was killed…")
    if _within(END_BY_THEMSELVES_S, lambda: _taken(descriptor)):
        return
    holders = _holders(descriptor)
    say(f"Killing {', '.join(map(str, holders))}, which did not stop…")
    for holder in holders:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(holder, signal.SIGKILL)
    if not _within(END_WHEN_KILLED_S, lambda: _taken(descriptor)):
        raise StartError(f"Processes of an earlier run still use {path.parent}: end those that have {path.name} open.")


def _holders(descriptor: int) -> list[int]:
    """The other processes that have the file open, as far as this user may see them."""
    file, found = os.fstat(descriptor), set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.path.samestat(file, entry.stat()):
                found.add(int(entry.parts[2]))
    return sorted(found - {os.getpid()})


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
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


def _is_alive(owner: str) -> bool:
    """Whether the process that wrote this into the lock file still runs."""
    pid, _, birth = owner.partition(" ")
    return pid.isdigit() and birth == _birth(int(pid))


def _birth(pid: int) -> str:
    """When the process started, in ticks since boot: with its id it names one process only. Empty: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
