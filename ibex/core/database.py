"""The hot path's own door to PostgreSQL: a raw psycopg pool per process, beside Django's connections.

Who can do without an answer goes through `hot_connection`, and is refused at once while the vault does not answer: the
searches of a call may be left out, and must not take their whole deadline to find that out. Who must have one, such as
authentication, goes to the pool itself, and waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ibex.core.pulse import Pulse

POOL_MIN = 2
POOL_MAX = 12
"""Connections of one web process: assemblies in flight are bounded to about as many (LIMITS section 1)."""
ACQUIRE_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 2
"""Of a server that lets nobody in: psycopg's three workers would wait for it as long as it hangs."""
RECONNECT_TIMEOUT_S = 2.0
"""After it the place in the pool is free, and who needs a connection has one made. psycopg's own five minutes mean
waits of up to a minute after the server is back."""
DOUBT_AFTER_S = 0.03
"""Who has a connection for so long, or waits so long for one, makes us ask whether the server answers at all."""

T = TypeVar("T")

_pool: AsyncConnectionPool[AsyncConnection[Any]] | None = None
_pulse: Pulse | None = None


class VaultSilent(psycopg.OperationalError):
    """The vault does not answer, so it was not asked."""


def hot_pool() -> AsyncConnectionPool[AsyncConnection[Any]]:
    """The opened pool of this process. Call `open_hot_pool` once, inside the event loop, before."""
    if _pool is None:
        raise RuntimeError("open_hot_pool() has not run in this process")
    return _pool


@asynccontextmanager
async def hot_connection() -> AsyncIterator[AsyncConnection[Any]]:
    """A connection of the pool, for who can do without. Raises VaultSilent at once while the vault does not answer."""
    pool, pulse = hot_pool(), _pulse
    assert pulse is not None  # noqa: S101 - it is made with the pool
    if pulse.is_silent:
        raise VaultSilent("The vault does not answer.")
    doubt = asyncio.get_running_loop().call_later(DOUBT_AFTER_S, pulse.doubt)
    try:
        async with pool.connection() as connection:
            yield connection
    except psycopg.OperationalError:
        pulse.doubt()
        raise
    finally:
        doubt.cancel()


def is_vault_silent() -> bool:
    """Whether the vault is known not to answer now."""
    return _pulse is not None and _pulse.is_silent


async def within(timeout_s: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; raises TimeoutError after `timeout_s` seconds, and does not wait until it has stopped.

    A query that is cancelled waits for the server's word on that, ten seconds if need be (psycopg 3.3).
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    if not task.done():
        raise TimeoutError
    return task.result()


async def open_hot_pool() -> None:
    """Open the pool; connections are made in the background, so a database that is down does not stop the start."""
    global _pool, _pulse  # noqa: PLW0603 - one pool a process
    if _pool is None:
        _pool = AsyncConnectionPool(
            settings.HOT_DATABASE_URL,
            min_size=POOL_MIN,
            max_size=POOL_MAX,
            timeout=ACQUIRE_TIMEOUT_S,
            # Whoever needs a transaction opens it with a statement of its own: psycopg would spend a round trip on it.
            kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S},
            reconnect_timeout=RECONNECT_TIMEOUT_S,
            # With it a worker of the pool takes connections back. Without it the caller does, and one who is cancelled
            # in that moment, as late searches are, loses the connection for good (psycopg_pool 3.3).
            reset=_nothing_to_reset,
            open=False,
            name="hot",
        )
        await _pool.open(wait=False)
        _pulse = Pulse(_ask, _pool.check)


async def close_hot_pool() -> None:
    """Close every connection of the pool."""
    global _pool, _pulse  # noqa: PLW0603 - one pool a process
    if _pulse is not None:
        _pulse.stop()
        _pulse = None
    if _pool is not None:
        await _pool.close()
        _pool = None


async def _ask() -> None:
    """A new connection: those of the pool may all be held by who waits in vain."""
    url = settings.HOT_DATABASE_URL
    async with await AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        await connection.execute("SELECT 1")


async def _nothing_to_reset(_connection: AsyncConnection[Any]) -> None:
    """The pool itself has ended what was left open."""
