"""Counting a month's budget from the vault's traces, off the request path.

Redis may have forgotten what was used (flushed), never have known it (a budget set in mid-month), or have missed some
of it (it was away when a turn ended). The vault lags behind by what the journal still holds. Either may know too
little, neither ever too much: the larger number is kept, so that nothing counts twice, and asking again heals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from agents.limits import MONTH_KEPT_S, Limit, Measure, month_start
from ibex.core import metrics
from ibex.core.redis import RedisError, async_redis
from ibex.core.tenancy import async_scope

COUNTED_S = 15 * 60
"""How long a count from the vault is taken for good."""
CLAIM_S = 60
"""Nobody else begins to count for so long; a count that fails is tried again afterwards."""
QUERY_TIMEOUT_S = 30.0
AT_ONCE = 2
"""Counts of one process at the same time: they share the hot path's connections. Others wait for a later call."""

_SUMS = {
    Measure.MONTHLY_TOKENS: "coalesce(sum(prompt_tokens::bigint + completion_tokens), 0)",
    Measure.MONTHLY_COST: "coalesce(sum(cost), 0) * 1000000000",
}
_WHOSE = {"organization": "org_id", "agent": "agent_id", "token": "token_id"}
_KEEP_LARGER = """
local known = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) > known then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], '1', 'EX', ARGV[3])
"""
_log = structlog.get_logger(__name__)
_running: dict[str, asyncio.Task[None]] = {}


def count_again(limits: Iterable[Limit]) -> None:
    """Start to count these budgets of this month. Never raises, never waits."""
    now = time.time()
    for limit in limits:
        counter, _ = limit.keys(now)
        if counter not in _running and len(_running) < AT_ONCE:
            _running[counter] = asyncio.create_task(_count(limit, now))


async def _count(limit: Limit, now: float) -> None:
    counter, mark = limit.keys(now)
    try:
        if await async_redis().set(mark, "0", nx=True, ex=CLAIM_S):
            used = await _used_in_vault(limit, now)
            await async_redis().eval(_KEEP_LARGER, 2, counter, mark, used, MONTH_KEPT_S, COUNTED_S)
    except (psycopg.Error, PoolTimeout, RedisError, OSError, TimeoutError, RuntimeError) as error:
        # RuntimeError: the pool is not open.
        metrics.FAIL_OPEN.labels(step="budget_count").inc()
        _log.warning("budget_not_counted", error=type(error).__name__)
    finally:
        _running.pop(counter, None)


async def _used_in_vault(limit: Limit, now: float) -> int:
    """Tokens, or billionths of a dollar, of the month's traces."""
    query = (
        f"SELECT {_SUMS[limit.measure]} FROM agents_trace "  # noqa: S608 - our own constants
        f"WHERE org_id = %s AND started_at >= %s AND {_WHOSE[limit.subject.kind]} = %s"
    )
    subject = limit.subject
    async with asyncio.timeout(QUERY_TIMEOUT_S), async_scope(subject.org_id, waits=False) as connection:
        cursor = await connection.execute(query, [subject.org_id, month_start(now), subject.id])
        row = await cursor.fetchone()
    return int(row[0]) if row else 0
