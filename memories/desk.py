"""The desk: the memories of an agent that are worth having at hand, whatever the question, in Redis.

For each agent, and beside it for each of its end users, a sorted set of ids by query-independent score and a hash of
the fields that injection needs. The hash holds a marker as well, so that "nothing" and "not known" differ; a reader
takes all its values (`HVALS`) and skips the one that is no JSON object.

The vault may change between a rebuild's read and its write, so every removal raises a generation counter and a rebuild
is written only if the counter still stands where it stood before the read. Two writers of one memory may tell the
desk in another order than they committed in: what is older than what the desk has heard already, by the memory's
version, is not listened to. A lost update is mended by the next
rebuild: a desk is rebuilt from the vault when it expires, five minutes after its last write or an hour after the last
rebuild at the latest.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db.models import Case, F, FloatField, Q, When
from django.db.models.expressions import CombinedExpression, OrderBy
from django.db.models.functions import Cast, Exp, Extract, Greatest, Least, Now
from django.utils import timezone

from ibex.core import metrics
from ibex.core.redis import RedisError, org_key, redis
from ibex.core.tenancy import scope
from memories.choices import Status
from memories.models import Memory

SIZE = 50
"""Memories kept at hand for one agent or end user (SPEC section 5)."""
TTL_S = 300
REBUILT_EVERY_S = 3_600
"""A desk that is written all the time is still rebuilt this often, so that old scores do not stand for ever."""
GENERATION_TTL_S = 86_400
GONE_TTL_S = 600
"""For so long a desk remembers that it was told to take a memory away: longer than any writer is late."""
ATTEMPTS = 3
"""Rebuilds that may be overtaken by a removal before the next reader has to try again."""

HALF_LIFE_S = 14 * 86_400.0
RECENCY, USEFULNESS, CONFIDENCE, FREQUENCY = 0.25, 0.20, 0.10, 0.05
FREQUENT_INJECTIONS = 50
"""SPEC section 6's formula without its relevance."""
PINNED_BONUS = 1.0
"""Standing instructions stand first: injection has a budget of their own for them."""
MARKER = b"warm"
CUT_BITS = 48

_log = structlog.get_logger(__name__)

_REBUILD = """
-- KEYS: scores, data, generation, cut. ARGV: generation read before the vault was, ttl, built at, generation's ttl, a
-- number that no cut had before; then id, score, fields.
if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[4], ARGV[5], 'NX')
redis.call('EXPIRE', KEYS[4], ARGV[4])
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], 'built', 'warm ' .. ARGV[3], 'cut', '#' .. redis.call('GET', KEYS[4]))
for i = 6, #ARGV, 3 do
  redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""
_PUT = """
-- KEYS: scores, data, generation, cut, what is gone. ARGV: id, score, fields, size, ttl, now, oldest age, generation's
-- ttl, whether its words or its standing are others than before, version.
local shown = redis.call('HGET', KEYS[2], ARGV[1])
local heard = tonumber(redis.call('GET', KEYS[5]) or '-1')
if tonumber(ARGV[10]) <= heard or (shown and cjson.decode(shown)['version'] > tonumber(ARGV[10])) then return 0 end
redis.call('INCR', KEYS[3])
redis.call('EXPIRE', KEYS[3], ARGV[8])
if ARGV[9] == '1' then
  redis.call('INCR', KEYS[4])
  redis.call('EXPIRE', KEYS[4], ARGV[8])
end
local built = redis.call('HGET', KEYS[2], 'built')
if not built then return 0 end
redis.call('HSET', KEYS[2], 'cut', '#' .. (redis.call('GET', KEYS[4]) or ''))
if tonumber(ARGV[6]) - tonumber(string.sub(built, 6)) > tonumber(ARGV[7]) then
  redis.call('DEL', KEYS[1], KEYS[2])
  return 0
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[4])
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, over - 1)) do
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
"""
_DROP = """
-- KEYS: scores, data, generation, cut, what is gone. ARGV: size, generation's ttl, version, how long that is
-- remembered, id.
-- A full desk may have left others out: it becomes cold.
for _, key in ipairs({KEYS[3], KEYS[4]}) do
  redis.call('INCR', key)
  redis.call('EXPIRE', key, ARGV[2])
end
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'cut', '#' .. redis.call('GET', KEYS[4])) end
local full = redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1])
redis.call('SET', KEYS[5], ARGV[3], 'EX', ARGV[4])
redis.call('HDEL', KEYS[2], ARGV[5])
local removed = redis.call('ZREM', KEYS[1], ARGV[5])
if full and removed > 0 then redis.call('DEL', KEYS[1], KEYS[2]) end
return removed
"""


def refresh(org_id: UUID, agent_id: UUID, end_user: str = "") -> None:
    """Rebuild one desk from the vault. Raises RedisError or DatabaseError when one of them does not answer."""
    keys = _keys(org_id, agent_id, end_user)
    for _ in range(ATTEMPTS):
        generation = redis().get(keys[2]) or b"0"
        with scope(org_id):
            memories = best(org_id, agent_id, end_user)
        rows = [part for memory in memories for part in (str(memory.pk), score(memory), fields(memory))]
        about = [generation, TTL_S, time.time(), GENERATION_TTL_S, secrets.randbits(CUT_BITS)]
        if redis().eval(_REBUILD, len(keys), *keys, *about, *rows):
            return


def put(memory: Memory, *, is_other: bool = True) -> None:
    """Show a new or changed memory on its desk, if that desk is warm. Never raises: the desk mends itself.

    `is_other`: it says something else than before, or may now be shown where it might not; a new one does not.
    """
    shown = [str(memory.pk), score(memory), fields(memory), SIZE, TTL_S, int(time.time()), REBUILT_EVERY_S]
    place = (memory.org_id, memory.agent_id, memory.end_user)
    keys = [*_keys(*place), _gone_key(*place, memory.pk)]
    _run(_PUT, keys, [*shown, GENERATION_TTL_S, int(is_other), memory.version])


def drop(org_id: UUID, agent_id: UUID, memory_id: UUID, end_user: str = "", *, version: int) -> None:
    """Take a memory off that desk at once, as of `version` of it. Never raises."""
    keys = [*_keys(org_id, agent_id, end_user), _gone_key(org_id, agent_id, end_user, memory_id)]
    _run(_DROP, keys, [SIZE, GENERATION_TTL_S, version, GONE_TTL_S, str(memory_id)])


def writes(org_id: UUID, agent_id: UUID, end_users: Sequence[str]) -> tuple[bytes, ...]:
    """Changes with every memory that is put on these desks or taken off. Raises RedisError."""
    generations: Any = redis().mget([_keys(org_id, agent_id, end_user)[2] for end_user in end_users])
    return tuple(generation or b"0" for generation in generations)


def cuts(org_id: UUID, agent_id: UUID, end_users: Sequence[str]) -> tuple[str, ...] | None:
    """By which copies of these desks' memories are known to hold; None where a desk is cold. Raises RedisError."""
    found: list[Any] = [redis().hget(_keys(org_id, agent_id, end_user)[1], "cut") for end_user in end_users]
    return None if None in found else tuple(cut.decode("ascii", "replace") for cut in found)


def hot_values(org_id: UUID, agent_id: UUID, end_user: str = "") -> list[dict[str, Any]] | None:
    """What is on one desk, best first; None when it is cold. The hot path reads the same in its one script."""
    scores, data, *_ = _keys(org_id, agent_id, end_user)
    if not redis().exists(data):
        return None
    order: Any = redis().zrevrange(scores, 0, -1)
    found: Any = redis().hmget(data, order) if order else []
    return [orjson.loads(value) for value in found if value is not None]


def best(org_id: UUID, agent_id: UUID, end_user: str = "") -> list[Memory]:
    """The memories one desk should hold, best first, inside the caller's scope."""
    lasting = timezone.now() + timedelta(seconds=REBUILT_EVERY_S)
    rows = (
        Memory.objects.of(org_id)
        .filter(agent_id=agent_id, end_user=end_user, status=Status.ACTIVE, deleted_at__isnull=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=lasting), Q(valid_until=None) | Q(valid_until__gt=lasting))
        .defer("embedding", "embedding_b", "search_text", "evidence", "metadata")
        .order_by(OrderBy(_worth(), descending=True))
    )
    return list(rows[:SIZE])


def is_lasting(memory: Memory) -> bool:
    """Whether prompts may hold it, and will still when this desk is rebuilt at the latest."""
    if memory.status != Status.ACTIVE or memory.deleted_at is not None:
        return False
    lasting = timezone.now() + timedelta(seconds=REBUILT_EVERY_S)
    return all(end is None or end > lasting for end in (memory.expires_at, memory.valid_until))


def score(memory: Memory) -> float:
    """Query-independent worth now: SPEC section 6's formula without relevance; pinned ones above all others."""
    age_s = max(0.0, time.time() - memory.observed_at.timestamp())
    return (
        RECENCY * math.exp(-math.log(2) * age_s / HALF_LIFE_S)
        + USEFULNESS * memory.usefulness
        + CONFIDENCE * memory.confidence
        + FREQUENCY * min(memory.injection_count / FREQUENT_INJECTIONS, 1.0)
        + PINNED_BONUS * memory.is_pinned
    )


def fields(memory: Memory) -> bytes:
    """What injection needs of a memory, as JSON."""
    return orjson.dumps(
        {
            "id": str(memory.pk),
            "content": memory.content,
            "category": memory.category,
            "source": memory.source,
            "confidence": memory.confidence,
            "usefulness": memory.usefulness,
            "injections": memory.injection_count,
            "observed_at": memory.observed_at.timestamp(),
            "valid_from": memory.valid_from.timestamp() if memory.valid_from else None,
            "tokens": memory.tokens,
            "version": memory.version,
            "pinned": memory.is_pinned,
            "by_operator": memory.by_operator,
        }
    )


def _worth() -> CombinedExpression:
    """`score`, in SQL."""
    age_s = Greatest(Extract(Now() - F("observed_at"), "epoch"), 0, output_field=FloatField())
    return (
        Exp(age_s * (-math.log(2) / HALF_LIFE_S)) * RECENCY
        + F("usefulness") * USEFULNESS
        + F("confidence") * CONFIDENCE
        + Least(Cast("injection_count", FloatField()) / FREQUENT_INJECTIONS, 1.0) * FREQUENCY
        + Case(When(is_pinned=True, then=PINNED_BONUS), default=0.0)
    )


def _keys(org_id: UUID, agent_id: UUID, end_user: str) -> list[str]:
    owner = (agent_id, "u", end_user) if end_user else (agent_id,)
    return [org_key(org_id, kind, *owner) for kind in ("hot", "hotdata", "hotgen", "hotcut")]


def _gone_key(org_id: UUID, agent_id: UUID, end_user: str, memory_id: UUID) -> str:
    return org_key(org_id, "hotgone", agent_id, memory_id, *(("u", end_user) if end_user else ()))


def _run(script: str, keys: Sequence[str], arguments: Sequence[Any]) -> None:
    try:
        redis().eval(script, len(keys), *keys, *arguments)
    except (RedisError, OSError) as error:
        metrics.FAIL_OPEN.labels(step="desk").inc()
        _log.warning("desk_not_told", error=type(error).__name__)
