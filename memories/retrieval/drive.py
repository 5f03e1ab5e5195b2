"""Running the steps of a search: on the hot path with as few round trips as steps, elsewhere over Django.

A plan is a generator of statements that is sent their rows, so that the steps of a search are written once.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from psycopg import AsyncClientCursor

from ibex.core.database import hot_connection
from ibex.core.tenancy import OPENING_RESULTS, opening

Rows = list[Any]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One statement. `is_last`: nothing follows it, so the transaction may end with it. `settings`: such as are made
    with SET LOCAL, in its round trip.
    """

    statement: str
    given: dict[str, Any] = field(default_factory=dict)
    is_last: bool = False
    settings: tuple[str, ...] = ()


Plan = Generator[Step, Rows, T]


async def drive(org_id: UUID, plan: Plan[T]) -> T:
    """Run `plan` on the hot pool, in one transaction that sees only that organization's rows.

    The transaction opens with the first statement and ends with the last, in their round trips. Nothing is prepared: a
    plan for any agent is no plan for this one.
    """
    async with hot_connection() as hot:
        cursor = AsyncClientCursor(hot)
        rows: Rows | None = None
        while True:
            try:
                step = next(plan) if rows is None else plan.send(rows)
            except StopIteration as done:
                result: T = done.value
                return result
            rows = await _run(cursor, step, opening(org_id) if rows is None else "")


async def _run(cursor: AsyncClientCursor[Any], step: Step, before: str) -> Rows:
    settings = "".join(f"{setting};" for setting in step.settings)
    after = "; COMMIT" if step.is_last else ""
    await cursor.execute(f"{before}{settings}{step.statement}{after}", step.given or None)
    for _ in range((OPENING_RESULTS if before else 0) + len(step.settings)):
        cursor.nextset()
    # Not `description`, which describes each column anew.
    return await cursor.fetchall() if cursor.pgresult is not None and cursor.pgresult.nfields else []


def drive_sync(plan: Plan[T]) -> T:
    """Run `plan` on Django's connection, inside the caller's scope."""
    rows: Rows | None = None
    with connection.cursor() as cursor:
        while True:
            try:
                step = next(plan) if rows is None else plan.send(rows)
            except StopIteration as done:
                result: T = done.value
                return result
            for setting in step.settings:
                cursor.execute(setting)
            cursor.execute(step.statement, step.given or None)
            rows = cursor.fetchall() if cursor.description else []
