"""Which provider of the organization answers for a model."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import structlog
from psycopg import Error as DatabaseError

from agents.announcements import Change, on_change
from agents.routes import COLUMNS, Route, serving
from ibex.core import metrics
from ibex.core.database import within
from ibex.core.errors import ProviderNotConfigured, ServiceDegraded
from ibex.core.patience import patient
from ibex.core.tenancy import async_scope
from ibex.providers.base import Upstream

CACHE_TTL_S = 10.0
"""A changed provider is used by every process within this time."""
RENEWED_AFTER_S = 5.0
"""What is in use is read again behind the callers' backs."""
CACHE_SIZE = 1_000
LOAD_TIMEOUT_S = 2.0
"""A vault that needs longer is treated as one that does not answer."""
LAST_KNOWN_AFTER_S = patient(0.02)
"""Who could use the providers known a moment ago waits no longer for news of them."""

_QUERY = (
    f"SELECT {', '.join(COLUMNS)} FROM agents_providerconnection"  # noqa: S608 - names of ours
    " WHERE org_id = %s AND is_active ORDER BY priority, created_at"
)
_UNREACHABLE = (DatabaseError, OSError, TimeoutError, RuntimeError)
"""RuntimeError: the pool is not open."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    routes: tuple[Route, ...]
    read_at: float


_cache: OrderedDict[UUID, _Known] = OrderedDict()
_reading: dict[UUID, asyncio.Task[_Known]] = {}


@on_change
def _forget(change: Change | None) -> None:
    """Another process has changed a provider: ask the vault again. What is being read may be from before it."""
    if change is None:
        _cache.clear()
        _reading.clear()
    elif change.kind == "org":
        _cache.pop(change.org_id, None)
        _reading.pop(change.org_id, None)


async def routes_of(org_id: UUID) -> tuple[Route, ...]:
    """The organization's active providers, first choice first. Raises ProviderNotConfigured when there are none, and
    ServiceDegraded when none are known and the vault does not answer.
    """
    known = _cache.get(org_id)
    age_s = time.monotonic() - known.read_at if known else 0.0
    if known is None:
        known = await _first(org_id)
    elif age_s > RENEWED_AFTER_S:
        reading = _read_once(org_id)
        if age_s > CACHE_TTL_S:
            # Routing is no authority: who was let in may go on with the providers known a moment ago.
            await asyncio.wait({reading}, timeout=LAST_KNOWN_AFTER_S)
            known = _cache.get(org_id, known)
    if not known.routes:
        raise ProviderNotConfigured
    return known.routes


async def upstreams_for(org_id: UUID, model: str) -> list[Upstream]:
    """The providers that serve `model`, first choice first. Raises ProviderNotConfigured, ModelNotFound or
    SecretUnreadable.
    """
    return serving(await routes_of(org_id), model)


async def _first(org_id: UUID) -> _Known:
    try:
        return await asyncio.shield(_read_once(org_id))
    except _UNREACHABLE:
        raise ServiceDegraded(
            "The organization's providers cannot be read right now. Try again in a few seconds."
        ) from None


def _read_once(org_id: UUID) -> asyncio.Task[_Known]:
    """One reading at a time, however many callers want to know."""
    reading = _reading.get(org_id)
    if reading is None or reading.done() or reading.get_loop() is not asyncio.get_running_loop():
        reading = _reading[org_id] = asyncio.create_task(within(LOAD_TIMEOUT_S, _read(org_id)))
        reading.add_done_callback(lambda done: _read_or_not(org_id, done))
    return reading


async def _read(org_id: UUID) -> _Known:
    read_at = time.monotonic()
    async with async_scope(org_id, waits=org_id not in _cache) as connection:
        rows = await (await connection.execute(_QUERY, [org_id])).fetchall()
    return _Known(routes=tuple(Route.of(*row) for row in rows), read_at=read_at)


def _read_or_not(org_id: UUID, reading: asyncio.Task[_Known]) -> None:
    """Keep what was read, unless a change was announced meanwhile."""
    is_current = _reading.get(org_id) is reading
    if is_current:
        del _reading[org_id]
    if reading.cancelled():
        return
    if error := reading.exception():
        metrics.FAIL_OPEN.labels(step="routes").inc()
        _log.warning("providers_not_read", error=type(error).__name__)
    elif is_current:
        _cache[org_id] = reading.result()
        _cache.move_to_end(org_id)
        if len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
