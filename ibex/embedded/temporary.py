"""A server for the length of a `with` block, where no supervisor is needed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ibex.embedded.errors import StartError
from ibex.embedded.logs import Logs
from ibex.embedded.process import Program, end_group, launch

READY_TIMEOUT_S = 600.0
READY_POLL_S = 0.01
STOP_GRACE_S = 30.0


@contextmanager
def running(name: str, program: Program, ready: Callable[[int], bool], logs: Logs) -> Iterator[None]:
    """Start the program, wait until it is ready, stop it at the end. Raises StartError. Call from the main thread."""
    logs.begin(name)
    with logs.open(name) as output:
        process = launch(program, output)
    try:
        _wait_until_ready(name, process, ready, logs)
        yield
    finally:
        process.send_signal(program.stop_signal)
        try:
            process.wait(timeout=STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_group(process)


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], ready: Callable[[int], bool], logs: Logs) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartError(f"{name} did not start: {logs.last_line(name) or 'it said nothing'}")
        time.sleep(READY_POLL_S)
