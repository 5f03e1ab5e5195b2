"""Which provider of the organization answers for a model."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from pydantic import SecretStr

from agents.announcements import Change, on_change
from agents.choices import ProviderKind
from ibex.core.crypto import unseal
from ibex.core.errors import ModelNotFound, ProviderNotConfigured, SecretUnreadable, ServiceDegraded
from ibex.core.tenancy import async_scope
from ibex.providers.base import Price, Prices, Upstream
from ibex.providers.patterns import matches_any
from ibex.providers.pricing import FREE

CACHE_TTL_S = 10.0
"""A changed provider is used by every process within this time."""
CACHE_SIZE = 1_000
LOAD_TIMEOUT_S = 2.0
"""A vault that needs longer is treated as one that does not answer."""

_QUERY = """
    SELECT id, name, kind, base_url, sealed_key, model_patterns, priority, prices FROM agents_providerconnection
    WHERE org_id = %s AND is_active ORDER BY priority, created_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One active provider and the models it serves."""

    upstream: Upstream
    patterns: tuple[str, ...]
    priority: int
    is_readable: bool = True
    """Its key was sealed with the secret key of this installation."""

    def serves(self, model: str) -> bool:
        """Whether a pattern matches; `*` stands for any part of a name."""
        return model in self.patterns or matches_any(model, self.patterns)

    def is_stand_in(self, model: str) -> bool:
        """Whether it is the sandbox, under a name that is not its own."""
        return self.upstream.kind == ProviderKind.SANDBOX and model not in self.patterns

    def rank_for(self, model: str) -> tuple[int, bool]:
        """Who is asked first: the lower priority, then who names the model exactly."""
        return self.priority, model not in self.patterns


_log = structlog.get_logger(__name__)
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
    """The providers that serve `model`, first choice first. The sandbox is none of them where another one is: nobody
    wants its answer instead of a failure. Raises ProviderNotConfigured or ModelNotFound; SecretUnreadable when the key
    of none of them can be read.
    """
    serving = [route for route in await routes_of(org_id) if route.serves(model)]
    if not serving:
        raise ModelNotFound
    serving = [route for route in serving if not route.is_stand_in(model)] or serving
    serving.sort(key=lambda route: route.rank_for(model))
    upstreams = [route.upstream for route in serving if route.is_readable]
    if not upstreams:
        raise SecretUnreadable
    return upstreams


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
    return tuple(_route(row) for row in rows)


def _route(row: tuple[Any, ...]) -> Route:
    provider_id, name, kind, base_url, sealed_key, patterns, priority, prices = row
    try:
        key = unseal(bytes(sealed_key)) if sealed_key else ""
    except SecretUnreadable:
        key = None
        _log.warning("provider_key_unreadable", provider_id=str(provider_id))
    upstream = Upstream(
        id=str(provider_id),
        name=name,
        kind=kind,
        base_url=base_url,
        api_key=SecretStr(key or ""),
        prices=_prices(prices, kind),
    )
    return Route(upstream=upstream, patterns=tuple(patterns), priority=priority, is_readable=key is not None)


def _prices(stored: dict[str, dict[str, str]], kind: str) -> Prices:
    """As the provider's row has them. The sandbox answers under any model's name, and costs nothing."""
    own = {name: Price(Decimal(price["prompt"]), Decimal(price["completion"])) for name, price in stored.items()}
    return FREE if kind == ProviderKind.SANDBOX and not own else own
