"""Which providers of an organization answer for a model, for callers that are in no hurry: workers, not the proxy."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import structlog
from pydantic import SecretStr

from agents.choices import ProviderKind
from agents.models import ProviderConnection
from ibex.core.errors import ModelNotFound, ProviderNotConfigured, SecretUnreadable
from ibex.providers.base import Price, Prices, Upstream
from ibex.providers.patterns import matches_any
from ibex.providers.pricing import FREE

_log = structlog.get_logger(__name__)


def upstreams_for(org_id: UUID, model: str) -> list[Upstream]:
    """The providers that serve `model`, first choice first, by the rules of the proxy: the lower priority, then who
    names the model exactly; the sandbox only where no other serves it. Inside the caller's `scope()`.

    Raises ProviderNotConfigured or ModelNotFound; SecretUnreadable when the key of none of them can be read.
    """
    rows = list(ProviderConnection.objects.of(org_id).filter(is_active=True).order_by("priority", "created_at"))
    if not rows:
        raise ProviderNotConfigured
    serving = [row for row in rows if model in row.model_patterns or matches_any(model, tuple(row.model_patterns))]
    if not serving:
        raise ModelNotFound
    serving = [row for row in serving if not _is_stand_in(row, model)] or serving
    serving.sort(key=lambda row: (row.priority, model not in row.model_patterns))
    upstreams = [upstream for row in serving if (upstream := upstream_of(row)) is not None]
    if not upstreams:
        raise SecretUnreadable
    return upstreams


def upstream_of(row: ProviderConnection) -> Upstream | None:
    """A provider's row as a call needs it; None when its key was sealed with another secret key."""
    try:
        key = row.key()
    except SecretUnreadable:
        _log.warning("provider_key_unreadable", provider_id=str(row.pk))
        return None
    return Upstream(
        id=str(row.pk),
        name=row.name,
        kind=row.kind,
        base_url=row.base_url,
        api_key=SecretStr(key),
        prices=_prices(row),
    )


def _is_stand_in(row: ProviderConnection, model: str) -> bool:
    """The sandbox, under a name that is not its own."""
    return row.kind == ProviderKind.SANDBOX and model not in row.model_patterns


def _prices(row: ProviderConnection) -> Prices:
    own = {name: Price(Decimal(price["prompt"]), Decimal(price["completion"])) for name, price in row.prices.items()}
    return FREE if row.kind == ProviderKind.SANDBOX and not own else own
