"""Standing back for callers: the drain and the workers share their machine with the web server."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICENESS = 10
"""Callers wait for the web server, and nobody waits for the drain or a worker. Where both want a core, the kernel's
weights for 0 and 10 (1024 and 110) leave them a tenth of it; on an idle machine they are as fast as ever."""
_AUTOGROUP = Path("/proc/self/autogroup")


def stand_back() -> None:
    """Lower this process's priority, and that of what it starts. Call once.

    A kernel with autogroups shares the processor between sessions before it looks at processes, so the session that
    this process leads stands back too; one that others lead may hold the web server and is left alone.
    """
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # no autogroups
            _AUTOGROUP.write_text(str(NICENESS))
