"""Turns on a disk whose drain does not run: another process of the machine sends them on their way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from ibex.core.jobs import Place, Progress, once
from proxy.drain import replay_spool
from proxy.journal import spool_folder

LEFT_S = 60
"""A drain takes a spool up within a second or two. What is older nobody is going to."""


def replay_left_spool(_place: Place | None) -> Iterator[Progress]:
    """Replay the spool of the machine that this worker runs on, if it was left; each machine's own worker does it."""
    return once(lambda: {"turns": replay_spool() if _is_left() else 0})


def _is_left() -> bool:
    oldest = time.time()
    for path in spool_folder().glob("*"):
        with suppress(FileNotFoundError):
            oldest = min(oldest, path.stat().st_mtime)
    return time.time() - oldest > LEFT_S
