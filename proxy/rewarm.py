"""Giving the desk again what it did not know, off the request path: one task at a time for each agent and end user."""

from __future__ import annotations

import asyncio
from uuid import UUID

import psycopg
import structlog
from django.db import DatabaseError, connections

from agents import directive_desk
from ibex.core import metrics
from ibex.core.database import is_vault_silent
from ibex.core.redis import RedisError
from memories import desk
from proxy.turn import Turn

DIRECTIVE, HOT, HOT_OF_USER = "directive", "hot", "hot_of_user"
Key = tuple[UUID, UUID, str, str]
"""Organization, agent, part, end user."""

AT_ONCE = 16
"""What else is cold is found so again by a later call."""

_log = structlog.get_logger(__name__)
_running: dict[Key, asyncio.Task[None]] = {}


def rewarm(turn: Turn) -> None:
    """Start what this call found cold. Never raises, never waits."""
    if turn.assembly is None or turn.agent is None or turn.switches is None or is_vault_silent():
        return
    for part in turn.assembly.on_cold:
        end_user = turn.switches.end_user if part == HOT_OF_USER else ""
        key = (turn.agent.org_id, turn.agent.id, DIRECTIVE if part == DIRECTIVE else HOT, end_user)
        if key not in _running and len(_running) < AT_ONCE:
            _running[key] = asyncio.create_task(_refresh(key))


async def _refresh(key: Key) -> None:
    org_id, agent_id, part, end_user = key
    try:
        if part == DIRECTIVE:
            await directive_desk.load(org_id, agent_id)
        else:
            await asyncio.to_thread(_refresh_hot, org_id, agent_id, end_user)
    except (DatabaseError, psycopg.Error, RedisError, OSError) as error:
        metrics.FAIL_OPEN.labels(step="rewarm").inc()
        _log.warning("desk_stays_cold", error=type(error).__name__)
    finally:
        _running.pop(key, None)


def _refresh_hot(org_id: UUID, agent_id: UUID, end_user: str) -> None:
    try:
        desk.refresh(org_id, agent_id, end_user)
    finally:
        # The thread goes back to its pool, and so must its connection.
        connections["default"].close()
