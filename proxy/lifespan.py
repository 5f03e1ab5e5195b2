"""What a web process opens before its first call. Its first request does it, whatever server it has."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module

import psycopg
import structlog
from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout

from agents.authentication import listen_for_changes
from context.admission import BUSY_FROM_S
from ibex.core.database import close_hot_pool, hot_pool, open_hot_pool
from ibex.core.lag import BEAT_S, loop_lag
from ibex.core.redis import close_async_redis
from ibex.providers.client import close_client
from memories.embedding import EmbeddingUnavailable, detach_all
from memories.slots import ready
from proxy import process_memory

CANCEL_AGAIN_S = 0.5
LOAD_AGAIN_S = 2.0
"""Wait before the model is asked for again: what is missing is the vault, which says which one, or a package."""
CALM_WITHIN_S = 1.0
"""The loop's lag after loading is forgotten in a fifth of that."""
WARM_START = "proxy.warm_start"

_log = structlog.get_logger(__name__)
_lock: asyncio.Lock | None = None
_tasks: list[asyncio.Task[None]] = []
_is_started = False
_is_warm = False
_is_stopping = False


async def started() -> None:
    """Open the pool and start listening, once a process. Costs nothing afterwards."""
    global _is_started, _lock  # noqa: PLW0603 - one state a process
    if _is_started:
        return
    _lock = _lock or asyncio.Lock()
    async with _lock:
        if not _is_started:
            process_memory.bound()
            await open_hot_pool()
            _tasks.append(asyncio.create_task(listen_for_changes()))
            _tasks.append(asyncio.create_task(_warm_up()))
            _tasks.append(asyncio.create_task(loop_lag.watch()))
            _is_started = True


def is_warm() -> bool:
    """Whether the embedding model has answered once: before that a call would wait for it."""
    return _is_warm


def begin_to_stop() -> None:
    """From now on the process is not ready: whoever balances the load sends nobody new."""
    global _is_stopping  # noqa: PLW0603 - one state a process
    _is_stopping = True


def is_stopping() -> bool:
    """Whether the process only finishes what it has begun."""
    return _is_stopping


async def _warm_up() -> None:
    global _is_warm  # noqa: PLW0603 - one state a process
    while not await _is_loaded():  # noqa: ASYNC110 - what is waited for is on another machine
        await asyncio.sleep(LOAD_AGAIN_S)
    # Bound late: it imports the vault's code, which is loaded in a thread.
    await import_module(WARM_START).warm_start()
    process_memory.settle()
    await _calm()
    try:
        async with hot_pool().connection() as connection:
            await connection.execute("SELECT 1")
    except (psycopg.Error, PoolTimeout) as error:
        _log.warning("vault_not_there_yet", error=type(error).__name__)
    _is_warm = True
    _log.info("web_process_is_warm")


async def _is_loaded() -> bool:
    """Load what the first caller would otherwise wait for: the model that serves, and the vault's code."""
    try:
        current = await ready()
        await asyncio.to_thread(current.queries.warm_up)
        current.queries.attach()
    except EmbeddingUnavailable as error:
        _log.error("embedding_model_unavailable", reason=error.message)
        return False
    except DatabaseError as error:
        _log.warning("embedding_model_unknown", error=type(error).__name__)
        return False
    await asyncio.to_thread(import_module, WARM_START)
    return True


async def _calm() -> None:
    """Wait until the loop has done what loading held up: a call that finds it busy goes without the search."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CALM_WITHIN_S):
            while loop_lag.seconds >= BUSY_FROM_S / 2:  # noqa: ASYNC110 - it is measured beat by beat
                await asyncio.sleep(BEAT_S)


async def stopped() -> None:
    """Close what was opened."""
    global _is_started, _is_warm, _lock  # noqa: PLW0603 - one state a process
    await _end(set(_tasks))
    _tasks.clear()
    detach_all()
    await close_client()
    await close_hot_pool()
    await close_async_redis()
    _is_started = _is_warm = False
    _lock = None


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel until they are done: a cancellation that meets a timeout at the same instant can be swallowed by it."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)
