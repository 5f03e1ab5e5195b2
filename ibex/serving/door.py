"""Taking callers from a listening socket that other processes share."""

from __future__ import annotations

import asyncio
import socket

import structlog

from ibex.serving.connection import Connection, Connections

NEXT_CALLER_S = 0.001
"""Between two callers that a process takes: of 50 who came at once, an idle process would have 40 before another woke
up. Who is already connected does not wait."""
AGAIN_S = 0.1
"""After a caller who could not be taken: the process has no file descriptor left."""

_log = structlog.get_logger(__name__)


class Door:
    """Takes one caller, then gives the other processes of the port a moment to take the next."""

    def __init__(self, listener: socket.socket, connections: Connections) -> None:
        self._listener = listener
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[object]] = set()

    @property
    def is_shared(self) -> bool:
        """Other processes may take callers here as well; a Unix socket is of one process."""
        return self._listener.family != socket.AF_UNIX

    def open(self) -> None:
        """Take callers, unless it is closed for good."""
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._take)

    def close(self) -> None:
        """Take nobody any more."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    def _take(self) -> None:
        self._loop.remove_reader(self._listener)
        pause_s = NEXT_CALLER_S
        try:
            caller, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            pass  # another process has taken them, or they have left
        except OSError as error:
            _log.warning("caller_not_taken", error=type(error).__name__)
            pause_s = AGAIN_S
        else:
            caller.setblocking(False)
            connecting = self._loop.connect_accepted_socket(lambda: Connection(self._connections), caller)
            task = self._loop.create_task(connecting)
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)
        self._loop.call_later(pause_s, self.open)
