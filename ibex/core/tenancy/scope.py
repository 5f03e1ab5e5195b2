"""Setting the tenant, for one transaction only, so that pooled connections never carry it further.

Row-Level Security compares `org_id` with `app.current_org_id`; where it is not set, no row is seen or written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import structlog
from django.db import connections, transaction
from psycopg import AsyncConnection

from ibex.core import metrics
from ibex.core.database import hot_connection, hot_pool

SETTING = "app.current_org_id"
SYSTEM_DATABASE = "system"

OPENING_RESULTS = 2
"""How many results come before that of the statement."""

_SET_TENANT = f"SELECT set_config('{SETTING}', %s, true)"
_current: ContextVar[UUID | None] = ContextVar("current_org_id", default=None)
_log = structlog.get_logger(__name__)


def current_org_id() -> UUID | None:
    """The organization whose scope this code runs in."""
    return _current.get()


@contextmanager
def scope(org_id: UUID) -> Iterator[None]:
    """Run the ORM inside one transaction that sees only `org_id`'s rows. Nests; the outer tenant returns afterwards."""
    outer = _current.get()
    with transaction.atomic():
        _set_tenant(org_id)
        token = _current.set(org_id)
        try:
            yield
        finally:
            _current.reset(token)
        if outer is not None:
            _set_tenant(outer)


def _set_tenant(org_id: UUID) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(_SET_TENANT, [str(org_id)])


def opening(org_id: UUID) -> str:
    """What opens a transaction for that tenant, to be sent in one round trip with the statement that follows it."""
    return f"BEGIN; SELECT set_config('{SETTING}', '{UUID(int=org_id.int)}', true); "


@asynccontextmanager
async def async_scope(org_id: UUID, *, waits: bool = True) -> AsyncIterator[AsyncConnection[Any]]:
    """A raw connection inside one transaction that sees only `org_id`'s rows: the hot path's way to the vault.

    Who can do without (not `waits`) is refused at once, by VaultSilent, while the vault does not answer.
    """
    # Leaving the block ends the transaction, one way or the other.
    async with hot_pool().connection() if waits else hot_connection() as connection:
        await connection.execute(opening(org_id))
        yield connection


@contextmanager
def cross_tenant(reason: str) -> Iterator[str]:
    """The one door that crosses tenants: yields the alias of the role that may. Logged and counted by `reason`."""
    metrics.CROSS_TENANT.labels(reason=reason).inc()
    _log.debug("cross_tenant_door_opened", reason=reason)
    with transaction.atomic(using=SYSTEM_DATABASE):
        yield SYSTEM_DATABASE
