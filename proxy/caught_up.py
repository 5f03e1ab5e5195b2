"""Reading what a call has just written: its turn may still be in the journal, on its way to the vault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ibex.core.errors import Conflict, NotFound
from ibex.core.redis import RedisError, async_redis
from proxy import journal

WAIT_S = 2.0
"""The drain needs well under a second when it is not behind."""
ASK_EVERY_S = 0.05
RETRY_AFTER_S = 1
SPOOLED = frozenset({".ndjson", ".replaying"})
"""Endings of files of the spool: being written, being replayed."""

# Ids only: an entry holds up to a megabyte. KEYS: stream. Returns the ids of the oldest and of the newest entry.
_ENDS = """
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not oldest then return {} end
return {oldest[1], redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]}
"""

T = TypeVar("T")


class NotWrittenYet(Conflict):
    """OpenAI's SDKs try again by themselves."""

    code = "NOT_WRITTEN_YET"
    default_message = "What this call is about may still be on its way to the database. Send it again in a second."


async def once_written(attempt: Callable[[], Awaitable[T | None]]) -> T:
    """What `attempt` finds; when that is nothing, what it finds once the turns journaled until now are in the vault.

    Raises NotFound; NotWrittenYet when the journal is behind, so that this cannot be told.
    """
    found = await attempt()
    if found is not None:
        return found
    is_caught_up = await _drained()
    found = await attempt()
    if found is not None:
        return found
    if is_caught_up:
        raise NotFound
    raise NotWrittenYet(headers={"Retry-After": str(RETRY_AFTER_S)})


async def _drained() -> bool:
    """Whether every turn journaled until now has reached the vault, WAIT_S from now at the latest."""
    try:
        async with asyncio.timeout(WAIT_S):
            ends = await _ends()
            newest = ends[-1] if ends else (0, 0)
            while ends and ends[0] <= newest:
                await asyncio.sleep(ASK_EVERY_S)
                ends = await _ends()
    except (RedisError, OSError, TimeoutError):
        return False
    return not _is_spooled()


async def _ends() -> list[tuple[int, int]]:
    """(milliseconds, number) of the oldest and the newest entry in the journal; nothing when it is empty."""
    ids = await async_redis().eval(_ENDS, 1, journal.STREAM)
    return [_place(entry_id.decode()) for entry_id in ids]


def _place(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def _is_spooled() -> bool:
    """Whether turns wait on this machine's disk."""
    folder = journal.spool_folder()
    return folder.is_dir() and any(path.suffix in SPOOLED for path in folder.iterdir())
