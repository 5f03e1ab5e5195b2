"""Changes of tokens, agents and organizations, told to every process through Redis pub/sub.

A process drops what it remembers of the changed object. The channel carries ids only. When it is down, what is
remembered expires by itself (agents.authentication.CACHE_TTL_S).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

import orjson
import structlog

from ibex.core import metrics
from ibex.core.redis import RedisError, async_redis, redis

CHANNEL = "ibex:auth"
SILENCE_S = 5.0
"""Silence after which the connection is asked whether it lives; without an answer in as long again, it does not."""
RETRY_S = 0.5

Kind = Literal["token", "agent", "org"]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Something about `object_id` is no longer what a process may remember."""

    kind: Kind
    org_id: UUID
    object_id: UUID


Listener = Callable[[Change | None], None]
_listeners: list[Listener] = []


def on_change(listener: Listener) -> Listener:
    """Call `listener` with each change; with None when messages may have been missed: forget everything then."""
    _listeners.append(listener)
    return listener


def announce_change(kind: Kind, org_id: UUID, object_id: UUID) -> None:
    """Tell every process, this one at once. Call after the commit. Never raises: a dead channel is counted."""
    change = Change(kind=kind, org_id=org_id, object_id=object_id)
    _tell(change)
    try:
        redis().publish(CHANNEL, orjson.dumps([kind, str(org_id), str(object_id)]))
    except (RedisError, OSError) as error:
        metrics.FAIL_OPEN.labels(step="announce").inc()
        _log.warning("change_not_announced", kind=kind, error=type(error).__name__)


async def listen_for_changes() -> None:
    """Follow the channel until cancelled, through every loss of connection. One task of the web process."""
    while True:
        try:
            await _follow()
        except (RedisError, OSError, TimeoutError) as error:
            metrics.FAIL_OPEN.labels(step="listen").inc()
            _log.warning("changes_not_heard", error=type(error).__name__)
        await asyncio.sleep(RETRY_S)


async def _follow() -> None:
    async with async_redis().pubsub() as channel:
        await channel.subscribe(CHANNEL)
        is_asked = False
        while True:
            message = await channel.get_message(timeout=SILENCE_S)
            if message is None:
                if is_asked:
                    raise TimeoutError
                await channel.ping()
            else:
                _hear(message)
            is_asked = message is None


def _hear(message: dict[str, Any]) -> None:
    if message["type"] == "subscribe":
        _tell(None)  # whatever was said before is lost
    elif message["type"] == "message":
        _tell(_parse(message["data"]))


def _parse(data: bytes) -> Change | None:
    """The change, or None (forget everything) for a message of another version of IBEX."""
    try:
        kind, org_id, object_id = orjson.loads(data)
        if kind not in get_args(Kind):
            return None
        return Change(kind=kind, org_id=UUID(org_id), object_id=UUID(object_id))
    except (ValueError, TypeError):
        return None


def _tell(change: Change | None) -> None:
    for listener in _listeners:
        listener(change)
