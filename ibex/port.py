"""The port that callers come to. Several web processes share one socket: who is idle takes the next caller.

Not `SO_REUSEPORT`, where each process has a queue of its own: callers in the queue of a process that dies are turned
away, those of one that hangs wait for it, and a stranger of the same user could join in unseen.
"""

from __future__ import annotations

import socket

BACKLOG = 1_024
"""Callers who wait to be taken; the system's own bound (net.core.somaxconn) is 4,096."""


class PortUnusable(Exception):
    """The message is one sentence for whoever starts IBEX."""


def bound(host: str, port: int) -> socket.socket:
    """A socket that holds the address, and refuses callers until somebody listens. Raises PortUnusable."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise PortUnusable(unusable(host, port, error)) from error
    return listener


def unusable(host: str, port: int, error: OSError) -> str:
    """Why, and what to do."""
    return f"Port {port} of {host} cannot be used ({error.strerror}): stop what uses it, or set IBEX_PORT to another."
