"""The hot path's own door to PostgreSQL: a raw psycopg pool per process, beside Django's connections."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

POOL_MIN = 2
POOL_MAX = 12
"""Connections of one web process: assemblies in flight are bounded to about as many (LIMITS section 1)."""
ACQUIRE_TIMEOUT_S = 2.0

_pool: AsyncConnectionPool[AsyncConnection[Any]] | None = None


def hot_pool() -> AsyncConnectionPool[AsyncConnection[Any]]:
    """The opened pool of this process. Call `open_hot_pool` once, inside the event loop, before."""
    if _pool is None:
        raise RuntimeError("open_hot_pool() has not run in this process")
    return _pool


async def open_hot_pool() -> None:
    """Open the pool; connections are made in the background, so a database that is down does not stop the start."""
    global _pool  # noqa: PLW0603 - one pool a process
    if _pool is None:
        _pool = AsyncConnectionPool(
            settings.HOT_DATABASE_URL,
            min_size=POOL_MIN,
            max_size=POOL_MAX,
            timeout=ACQUIRE_TIMEOUT_S,
            # Whoever needs a transaction opens it with a statement of its own: psycopg would spend a round trip on it.
            kwargs={"autocommit": True},
            # With it a worker of the pool takes connections back. Without it the caller does, and one who is cancelled
            # in that moment, as late searches are, loses the connection for good (psycopg_pool 3.3).
            reset=_nothing_to_reset,
            open=False,
            name="hot",
        )
        await _pool.open(wait=False)


async def close_hot_pool() -> None:
    """Close every connection of the pool."""
    global _pool  # noqa: PLW0603 - one pool a process
    if _pool is not None:
        await _pool.close()
        _pool = None


async def _nothing_to_reset(_connection: AsyncConnection[Any]) -> None:
    """The pool itself has ended what was left open."""
