"""The hot path's pool keeps its connections, whoever is cancelled when."""

from __future__ import annotations

import asyncio

from ibex.core.database import hot_pool

PATIENCE_S = 20


async def test_a_caller_who_is_cancelled_while_giving_a_connection_back_does_not_lose_it(hot_path):
    pool = hot_pool()
    async with asyncio.timeout(PATIENCE_S):
        await pool.wait()
    may_end = asyncio.Event()

    async def use() -> None:
        async with pool.connection():
            await may_end.wait()

    for _ in range(3):
        may_end.clear()
        user = asyncio.create_task(use())
        async with asyncio.timeout(PATIENCE_S):
            while pool.get_stats()["pool_available"] == pool.get_stats()["pool_size"]:  # noqa: ASYNC110 - it sets no Event
                await asyncio.sleep(0)
        async with pool._lock:  # somebody else takes or returns one at the same moment
            may_end.set()
            await asyncio.sleep(0.01)
            user.cancel()
            await asyncio.wait({user})
    async with asyncio.timeout(PATIENCE_S):
        while pool.get_stats()["pool_available"] < pool.get_stats()["pool_size"]:  # noqa: ASYNC110 - it sets no Event
            await asyncio.sleep(0.01)
