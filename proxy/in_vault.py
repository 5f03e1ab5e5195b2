"""The ORM for calls off the hot path: in threads of its own, so that a slow vault takes none that others wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections

from ibex.core.errors import ServiceDegraded
from ibex.core.origin import caller_address
from ibex.core.tenancy import scope

THREADS = 4
"""Calls of this kind that one process works on at once, each with a database connection; the others wait."""

T = TypeVar("T")
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="vault")


async def in_vault(org_id: UUID, work: Callable[[], T], *, peer: Any = None) -> T:
    """What `work` returns, run in one transaction that sees only `org_id`'s rows; audited as coming from `peer`, the
    (address, port) of an ASGI scope's `client`.

    A caller who leaves meanwhile does not undo it. Raises what `work` raises; ServiceDegraded without a database.
    """

    def in_scope() -> T:
        with scope(org_id):
            return work()

    return await beside_vault(in_scope, peer=peer)


async def beside_vault(work: Callable[[], T], *, peer: Any = None) -> T:
    """The same for work that opens its own scopes, because it waits on a model between two transactions."""
    context = copy_context()
    context.run(caller_address.set, peer[0] if peer else None)
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: context.run(_with_connection, work))


def _with_connection(work: Callable[[], T]) -> T:
    try:
        return work()
    except (OperationalError, InterfaceError) as error:
        raise ServiceDegraded("The database does not answer right now. Try again in a few seconds.") from error
    finally:
        # The thread goes back to its pool, and so must its connection.
        connections["default"].close()
