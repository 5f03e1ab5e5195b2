"""Giving the desk again what it did not know, off the request path: one task at a time for each agent and end user."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog
from django.db import DatabaseError, connections

from ibex.core import metrics
from ibex.core.redis import RedisError
from memories import desk
from proxy.turn import Turn

DIRECTIVE = "directive"

_log = structlog.get_logger(__name__)
_running: dict[tuple[UUID, UUID, str], asyncio.Task[None]] = {}


def rewarm(turn: Turn) -> None:
    """Start what this call found cold. Never raises, never waits. The directive is put back where it is read."""
    if turn.assembly is None or turn.agent is None or turn.switches is None:
        return
    cold = [part for part in turn.assembly.on_cold if part != DIRECTIVE]
    users = {turn.switches.end_user if part == "hot_of_user" else "" for part in cold}
    for end_user in users:
        key = (turn.agent.org_id, turn.agent.id, end_user)
        if key not in _running:
            _running[key] = asyncio.create_task(_refresh(key))


async def _refresh(key: tuple[UUID, UUID, str]) -> None:
    try:
        await asyncio.to_thread(_refresh_now, key)
    except (DatabaseError, RedisError, OSError) as error:
        metrics.FAIL_OPEN.labels(step="rewarm").inc()
        _log.warning("desk_stays_cold", error=type(error).__name__)
    finally:
        _running.pop(key, None)


def _refresh_now(key: tuple[UUID, UUID, str]) -> None:
    try:
        desk.refresh(*key)
    finally:
        # The thread goes back to its pool, and so must its connection.
        connections["default"].close()
