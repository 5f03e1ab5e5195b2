"""Which providers of an organization answer for a model: one rule for the proxy and for workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import structlog
from pydantic import SecretStr

from agents.choices import ProviderKind
from agents.models import ProviderConnection
from ibex.core.crypto import unseal
from ibex.core.errors import ModelNotFound, ProviderNotConfigured, SecretUnreadable
from ibex.providers.base import Price, Prices, Upstream
from ibex.providers.patterns import matches_any
from ibex.providers.pricing import FREE

COLUMNS = ("id", "name", "kind", "base_url", "sealed_key", "model_patterns", "priority", "prices")
"""What `Route.of` takes, in its order."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One active provider and the models it serves."""

    upstream: Upstream
    patterns: tuple[str, ...]
    priority: int
    is_readable: bool = True
    """Its key was sealed with the secret key of this installation."""

    @classmethod
    def of(
        cls,
        provider_id: UUID,
        name: str,
        kind: str,
        base_url: str,
        sealed_key: bytes | memoryview | None,
        patterns: Sequence[str],
        priority: int,
        prices: Mapping[str, Mapping[str, str]],
    ) -> Route:
        """From the columns of a provider's row."""
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
        return cls(upstream=upstream, patterns=tuple(patterns), priority=priority, is_readable=key is not None)

    def serves(self, model: str) -> bool:
        """Whether a pattern matches; `*` stands for any part of a name."""
        return model in self.patterns or matches_any(model, self.patterns)

    def is_stand_in(self, model: str) -> bool:
        """Whether it is the sandbox, under a name that is not its own."""
        return self.upstream.kind == ProviderKind.SANDBOX and model not in self.patterns

    def rank_for(self, model: str) -> tuple[int, bool]:
        """Who is asked first: the lower priority, then who names the model exactly."""
        return self.priority, model not in self.patterns


def serving(routes: Iterable[Route], model: str) -> list[Upstream]:
    """The providers that serve `model`, first choice first. The sandbox is none of them where another one is: nobody
    wants its answer instead of a failure. Raises ModelNotFound; SecretUnreadable when the key of none can be read.
    """
    found = [route for route in routes if route.serves(model)]
    if not found:
        raise ModelNotFound
    found = [route for route in found if not route.is_stand_in(model)] or found
    upstreams = [
        route.upstream for route in sorted(found, key=lambda route: route.rank_for(model)) if route.is_readable
    ]
    if not upstreams:
        raise SecretUnreadable
    return upstreams


def upstreams_for(org_id: UUID, model: str) -> list[Upstream]:
    """The same for workers, from the vault as it is now, inside the caller's scope. Raises ProviderNotConfigured."""
    rows = ProviderConnection.objects.of(org_id).filter(is_active=True).order_by("priority", "created_at")
    routes = [Route.of(*row) for row in rows.values_list(*COLUMNS)]
    if not routes:
        raise ProviderNotConfigured
    return serving(routes, model)


def _prices(stored: Mapping[str, Mapping[str, str]], kind: str) -> Prices:
    """As the provider's row has them. The sandbox answers under any model's name, and costs nothing."""
    own = {name: Price(Decimal(price["prompt"]), Decimal(price["completion"])) for name, price in stored.items()}
    return FREE if kind == ProviderKind.SANDBOX and not own else own
