"""A circuit breaker for each provider, shared by every process through Redis.

Five failures within half a minute open it: the provider is asked last for half a minute. Then one is enough.
Its state is read with the round trip that every call makes anyway (`proxy.turn_start`); only failures write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import lru_cache
from uuid import UUID

from ibex.core import metrics
from ibex.core.redis import RedisError, async_redis, org_key

FAILURES_TO_OPEN = 5
COUNTED_S = 30
OPEN_S = 30
PROVIDERS_KNOWN = 1_000
"""Whose key is not put together again with each call."""

_NOTE = """
local failures = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
if failures >= tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], '1', 'EX', ARGV[3])
  redis.call('SET', KEYS[1], tonumber(ARGV[2]) - 1, 'EX', tonumber(ARGV[1]) + tonumber(ARGV[3]))
end
return failures
"""
_tasks: set[asyncio.Task[None]] = set()
_failing: set[str] = set()


@lru_cache(maxsize=PROVIDERS_KNOWN)
def open_key(org_id: UUID, provider_id: str) -> str:
    """Exists while the provider's breaker is open."""
    return org_key(org_id, "breaker", provider_id)


def note_failure(org_id: UUID, provider_id: str) -> None:
    """Count a transient failure, off the request path."""
    _failing.add(provider_id)
    _later(_write(_NOTE, _failures_key(org_id, provider_id), open_key(org_id, provider_id)))


def note_success(org_id: UUID, provider_id: str) -> None:
    """Forget the failures, when this process has seen any."""
    if provider_id in _failing:
        _failing.discard(provider_id)
        _later(_forget(_failures_key(org_id, provider_id), open_key(org_id, provider_id)))


def _failures_key(org_id: UUID, provider_id: str) -> str:
    return org_key(org_id, "failures", provider_id)


async def _write(script: str, *keys: str) -> None:
    await async_redis().eval(script, len(keys), *keys, COUNTED_S, FAILURES_TO_OPEN, OPEN_S)


async def _forget(*keys: str) -> None:
    await async_redis().delete(*keys)


def _later(work: Awaitable[None]) -> None:
    task = asyncio.create_task(_counted(work))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _counted(work: Awaitable[None]) -> None:
    try:
        await work
    except (RedisError, OSError):
        metrics.FAIL_OPEN.labels(step="breaker").inc()
