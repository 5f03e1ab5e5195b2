"""The directive in force, on the desk: every proxy reads it there with each call, so a change reaches all at once.

Redis key `{org_id}:directive:{agent_id}` holds JSON `{"id", "version", "content", "tokens", "at"}`; `{"content": ""}`
says that there is none. `at` orders writes that race: the vault's own order wins, whichever arrives last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
import structlog

from ibex.core import metrics
from ibex.core.redis import RedisError, async_redis, org_key, redis
from ibex.core.tenancy import async_scope

KEPT_S = 300
"""Bounds how long a stale directive can stand when Redis was away at the moment of a change."""

_SET_IF_NEWER = """
local there = redis.call('GET', KEYS[1])
if there and (cjson.decode(there).at or 0) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
"""
_QUERY = """
    SELECT a.updated_at, d.id, d.version, d.content, d.tokens FROM agents_agent a
    LEFT JOIN agents_directive d ON d.org_id = a.org_id AND d.id = a.directive_id
    WHERE a.org_id = %s AND a.id = %s
"""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingDirective:
    """What is in force for an agent since `at`; `content` is empty when nothing is."""

    at: datetime
    id: UUID | None = None
    version: int | None = None
    content: str = ""
    tokens: int | None = None
    """None: it was written before they were counted."""

    def as_json(self) -> bytes:
        """What the key holds."""
        known = {"id": str(self.id), "version": self.version, "tokens": self.tokens} if self.id else {}
        return orjson.dumps({**known, "content": self.content, "at": self._microseconds()})

    def arguments(self) -> list[bytes | int]:
        """What the script takes."""
        return [self.as_json(), self._microseconds(), KEPT_S]

    def _microseconds(self) -> int:
        return int(self.at.timestamp() * 1_000_000)


def publish(org_id: UUID, agent_id: UUID, directive: StandingDirective) -> None:
    """Put it on the desk, after the commit. Never raises: Redis being away is counted, and KEPT_S bounds it."""
    try:
        redis().eval(_SET_IF_NEWER, 1, _key(org_id, agent_id), *directive.arguments())
    except (RedisError, OSError) as error:
        metrics.FAIL_OPEN.labels(step="directive_desk").inc()
        _log.warning("directive_not_on_desk", error=type(error).__name__)


async def load(org_id: UUID, agent_id: UUID) -> StandingDirective | None:
    """The vault's word when the desk is cold, put back on the desk. None: no such agent. Raises psycopg.Error."""
    async with async_scope(org_id, waits=False) as connection:
        cursor = await connection.execute(_QUERY, [org_id, agent_id])
        row = await cursor.fetchone()
    if row is None:
        return None
    directive = StandingDirective(at=row[0], id=row[1], version=row[2], content=row[3] or "", tokens=row[4])
    try:
        await async_redis().eval(_SET_IF_NEWER, 1, _key(org_id, agent_id), *directive.arguments())
    except (RedisError, OSError):
        metrics.FAIL_OPEN.labels(step="directive_desk").inc()
    return directive


def _key(org_id: UUID, agent_id: UUID) -> str:
    return org_key(org_id, "directive", agent_id)
