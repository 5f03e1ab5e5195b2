"""The only module that talks to Redis: one client a process and kind, keys that begin with the organization."""

from __future__ import annotations

import os
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from ibex.core.redis_line import Command
from ibex.core.redis_wire import RedisWire, Script

SOCKET_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 1.0

_async_client: AsyncRedis | None = None
_wire: RedisWire | None = None


@lru_cache(maxsize=1)
def redis() -> Redis:
    """The client of workers and pages."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=SOCKET_TIMEOUT_S, socket_connect_timeout=CONNECT_TIMEOUT_S)


def async_redis() -> AsyncRedis:
    """The client of this process's event loop: the web process and the drain have one loop each."""
    global _async_client  # noqa: PLW0603 - one client a process
    if _async_client is None:
        _async_client = AsyncRedis.from_url(
            settings.REDIS_URL,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            client_name=client_name(os.getpid()),
        )
    return _async_client


def client_name(pid: int) -> str:
    """By what CLIENT LIST tells the connections of one process."""
    return f"ibex:{pid}"


def wire() -> RedisWire:
    """The request path's connection: what every call asks goes through it."""
    global _wire  # noqa: PLW0603 - one connection a process
    if _wire is None:
        _wire = RedisWire(settings.REDIS_URL)
    return _wire


async def close_async_redis() -> None:
    """Close the loop's clients, at shutdown."""
    global _async_client, _wire  # noqa: PLW0603 - one of each a process
    if _wire is not None:
        _wire.close()
        _wire = None
    if _async_client is not None:
        await _async_client.aclose()
        _async_client = None


def org_key(org_id: UUID, *parts: object) -> str:
    """`{org_id}:a:b`: no key of a tenant is ever made in another way."""
    return ":".join([str(org_id), *map(str, parts)])


__all__ = [
    "Command",
    "NoScriptError",
    "RedisError",
    "ResponseError",
    "Script",
    "async_redis",
    "client_name",
    "close_async_redis",
    "org_key",
    "redis",
    "wire",
]
