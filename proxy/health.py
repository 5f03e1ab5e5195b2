"""GET /health (the process lives), /ready (it can serve with memory), /metrics (Prometheus)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import orjson
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout

from ibex import __version__
from ibex.core.database import hot_pool, within
from ibex.core.metrics import CONTENT_TYPE_LATEST, exposition
from ibex.core.redis import RedisError, async_redis
from proxy import lifespan
from proxy.consumers import HttpConsumer
from proxy.turn import Turn

CHECK_TIMEOUT_S = 2.0


class Health(HttpConsumer):
    methods = ("GET", "HEAD")
    endpoint = "health"

    async def answer(self, turn: Turn) -> None:
        await self.respond(200, orjson.dumps({"status": "ok", "version": __version__}), turn.headers())


class Ready(HttpConsumer):
    methods = ("GET", "HEAD")
    endpoint = "ready"

    async def answer(self, turn: Turn) -> None:
        vault, desk = await asyncio.gather(_works(_ask_vault()), _works(_ask_desk()))
        parts = {"vault": vault, "desk": desk, "embedding": lifespan.is_warm(), "open": not lifespan.is_stopping()}
        is_ready = all(parts.values())
        body = orjson.dumps({"status": "ready" if is_ready else "not_ready", "parts": parts})
        await self.respond(200 if is_ready else 503, body, turn.headers())


class Metrics(HttpConsumer):
    endpoint = "metrics"

    async def answer(self, turn: Turn) -> None:
        body = await asyncio.to_thread(exposition)
        await self.respond(200, body, turn.headers() | {"Content-Type": CONTENT_TYPE_LATEST})


async def _works(check: Coroutine[Any, Any, None]) -> bool:
    try:
        await within(CHECK_TIMEOUT_S, check)
    except (DatabaseError, PoolTimeout, RedisError, OSError, TimeoutError):
        return False
    return True


async def _ask_vault() -> None:
    async with hot_pool().connection() as connection:
        await connection.execute("SELECT 1")


async def _ask_desk() -> None:
    await async_redis().ping()
