"""Where the request being served came from, for the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

caller_address: ContextVar[str | None] = ContextVar("caller_address", default=None)
"""An IP address, or None in a worker or command."""


@contextmanager
def served_from(request: Any) -> Iterator[None]:
    """Name the peer of `request`: its own address, never what a header claims."""
    token = caller_address.set(request.META.get("REMOTE_ADDR") or None)
    try:
        yield
    finally:
        caller_address.reset(token)
