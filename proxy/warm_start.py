"""What the agents that spoke last need, read when a web process starts: else their first callers go without a search.

Off the request path and before the process says that it is ready, which waits for it WITHIN_S at most; whatever fails
or is missing then is read when the first call asks, as for any other agent. Which agents spoke last is asked across
tenants, and only ids come of it; everything else is read under each tenant's policies.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import connections

from agents import directive_desk
from context.pack import compiled
from context.retrieve import Lookup
from context.stopwatch import Stopwatch
from context.vault import VaultRetriever
from ibex.core import metrics
from ibex.core.database import within
from ibex.core.errors import ProviderNotConfigured
from ibex.core.logging import place_of
from ibex.core.tenancy import cross_tenant
from ibex.core.tenancy.scope import SYSTEM_DATABASE
from memories import desk
from memories.retrieval.arms import arms
from memories.retrieval.held import Cuts, shelf
from memories.slots import ready
from proxy.routes import routes_of

WITHIN_S = 3.0
"""An agent of 1,000 memories takes about .1 s, one of 10,000 about .6."""
AGENTS_MAX = 8
"""Each with one of its end users, or with none. Their copies take no more memory than the shelf lets them."""
SESSIONS_READ = 200
"""Of each status, the latest: many of them may be one agent's."""
REHEARSED = "What do you know about me?"

_RECENT = """
SELECT org_id, agent_id, end_user
  FROM unnest(ARRAY['active', 'completed', 'abandoned']) AS wanted(status),
       LATERAL (SELECT org_id, agent_id, end_user, last_turn_at FROM agents_session
                 WHERE status = wanted.status ORDER BY last_turn_at DESC LIMIT %s) AS latest
 GROUP BY org_id, agent_id, end_user ORDER BY max(last_turn_at) DESC LIMIT %s
"""
_log = structlog.get_logger(__name__)


class Recent(NamedTuple):
    """An agent, and who spoke with it; empty when the application did not say."""

    org_id: UUID
    agent_id: UUID
    end_user: str


async def warm_start() -> None:
    """Read what the latest agents need, for WITHIN_S at most. Never raises."""
    try:
        await within(WITHIN_S, _warm())
    except TimeoutError:
        _log.info("warm_start_cut_short", after_s=WITHIN_S)
    except Exception as error:  # noqa: BLE001 - the boundary: a process is ready without any of it
        _failed(error)


async def _warm() -> None:
    for in_c in (compiled, arms):
        await asyncio.to_thread(in_c)
    for recent in await asyncio.to_thread(latest):
        if not shelf.has_room:
            return
        try:
            await warm(recent)
        except Exception as error:  # noqa: BLE001 - the other agents are read all the same
            _failed(error)


def latest() -> list[Recent]:
    """Who spoke last, the latest first, of all organizations. Blocks; raises Django's database errors."""
    try:
        with cross_tenant("warm_start") as system, connections[system].cursor() as cursor:
            cursor.execute(_RECENT, [SESSIONS_READ, AGENTS_MAX])
            return [Recent(*row) for row in cursor.fetchall()]
    finally:
        connections[SYSTEM_DATABASE].close()


async def warm(recent: Recent) -> None:
    """Read what a call of `recent` asks for: providers, desk, profiles and copies. Raises what the parts raise."""
    org_id, agent_id, end_user = recent
    try:
        await routes_of(org_id)
    except ProviderNotConfigured:
        return
    await directive_desk.load(org_id, agent_id)
    cuts = await asyncio.to_thread(_on_the_desk, recent)
    # Both ways that a search can go: through the vault, where no copy is held yet, and then through the copies.
    await _rehearse(recent, cuts)
    slot = (await ready()).slot
    for kind in ("memory", "excerpt"):
        await shelf.fill((org_id, agent_id, end_user, kind), cuts, slot)
    await _rehearse(recent, cuts)


async def _rehearse(recent: Recent, cuts: Cuts | None) -> None:
    """Search as a call does, at once for memories and excerpts: so much do they need of the pool's connections."""
    org_id, agent_id, end_user = recent
    lookup = Lookup(
        org_id=org_id, agent_id=agent_id, end_user=end_user, query=REHEARSED, cuts=cuts, watch=Stopwatch()
    )  # fmt: skip
    retriever = VaultRetriever()
    await asyncio.gather(retriever.cold(lookup), retriever.excerpts(lookup))


def _on_the_desk(recent: Recent) -> Cuts | None:
    """What the desk says of copies, once it has again what it had forgotten. Blocks; for a thread."""
    org_id, agent_id, end_user = recent
    owners = sorted({"", end_user})
    try:
        for owner in owners:
            if desk.cuts(org_id, agent_id, [owner]) is None:
                desk.refresh(org_id, agent_id, owner)
        return desk.cuts(org_id, agent_id, owners)
    finally:
        # The thread goes back to its pool, and so must its connection.
        connections["default"].close()


def _failed(error: Exception) -> None:
    metrics.FAIL_OPEN.labels(step="warm_start").inc()
    _log.warning("agent_not_warmed", error=type(error).__name__, at=place_of(error))
