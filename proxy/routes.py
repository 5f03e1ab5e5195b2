"""Which provider of the organization answers for a model."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from uuid import UUID

from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout

from agents.announcements import Change, on_change
from agents.routes import COLUMNS, Route, serving
from ibex.core.errors import ProviderNotConfigured, ServiceDegraded
from ibex.core.tenancy import async_scope
from ibex.providers.base import Upstream

CACHE_TTL_S = 10.0
"""A changed provider is used by every process within this time."""
CACHE_SIZE = 1_000
LOAD_TIMEOUT_S = 2.0
"""A vault that needs longer is treated as one that does not answer."""

_QUERY = (
    f"SELECT {', '.join(COLUMNS)} FROM agents_providerconnection"  # noqa: S608 - names of ours
    " WHERE org_id = %s AND is_active ORDER BY priority, created_at"
)


_cache: OrderedDict[UUID, tuple[float, tuple[Route, ...]]] = OrderedDict()


@on_change
def _forget(change: Change | None) -> None:
    """Another process has changed a provider: ask the vault again."""
    if change is None:
        _cache.clear()
    elif change.kind == "org":
        _cache.pop(change.org_id, None)


async def routes_of(org_id: UUID) -> tuple[Route, ...]:
    """The organization's active providers, first choice first. Raises ProviderNotConfigured when there are none."""
    cached = _cache.get(org_id)
    if cached is None or cached[0] < time.monotonic():
        cached = (time.monotonic() + CACHE_TTL_S, await _load(org_id, cached[1] if cached else ()))
        _cache[org_id] = cached
        if len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    if not cached[1]:
        raise ProviderNotConfigured
    return cached[1]


async def upstreams_for(org_id: UUID, model: str) -> list[Upstream]:
    """The providers that serve `model`, first choice first. Raises ProviderNotConfigured, ModelNotFound or
    SecretUnreadable.
    """
    return serving(await routes_of(org_id), model)


async def _load(org_id: UUID, last_known: tuple[Route, ...]) -> tuple[Route, ...]:
    try:
        async with asyncio.timeout(LOAD_TIMEOUT_S), async_scope(org_id) as connection:
            rows = await (await connection.execute(_QUERY, [org_id])).fetchall()
    except (DatabaseError, PoolTimeout, OSError, TimeoutError, RuntimeError):
        # Routing is no authority: who was let in may go on with the providers known a moment ago.
        if not last_known:
            raise ServiceDegraded(
                "The organization's providers cannot be read right now. Try again in a few seconds."
            ) from None
        return last_known
    return tuple(Route.of(*row) for row in rows)
