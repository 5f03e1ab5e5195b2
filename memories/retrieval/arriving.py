"""Rows of a copy as they come from the vault: piece by piece, and no value twice that the copy before has already.

As one answer they would take twice the memory of what is made of them, and two copies of 10,000 rows 30 MiB more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connections

from ibex.core.tenancy import scope

Row = tuple[Any, ...]

ROWS_AT_ONCE = 500
"""About 2 KiB each, on their way."""


class Arrived(NamedTuple):
    """One row on its way into a copy."""

    fields: Row
    """What is held of it as it is: an id, and more."""
    vector: bytes | None
    """PostgreSQL's binary form of a halfvec."""
    lexemes: Sequence[str]
    time: datetime | None
    """When what it says was so."""
    end: float | None
    """When it stops being true, in seconds since 1970."""

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From columns, of which these are the last."""
        *fields, vector, lexemes, time, end = row
        return cls(tuple(fields), vector, lexemes or (), time, end)


def arriving(org_id: UUID, statement: str, given: Sequence[Any], known: Sequence[Row]) -> list[Arrived]:
    """The rows of `statement`, whose columns are as `Arrived.of` takes them; `known` are fields that are held already.
    Under that tenant's policies. Blocks; for a thread. Raises Django's DatabaseError.
    """
    connection = connections["default"]
    try:
        with scope(org_id), connection.cursor() as cursor, connection.wrap_database_errors:
            # Django has no name for it.
            return _sharing(cursor.cursor.stream(statement, given, size=ROWS_AT_ONCE), known)
    finally:
        # The thread goes back to its pool, and so must its connection.
        connection.close()


def _sharing(rows: Iterable[Row], known: Sequence[Row]) -> list[Arrived]:
    before = {fields[0]: fields for fields in known}
    once: dict[str, str] = {}

    def sharing(row: Arrived) -> Arrived:
        same = before.get(row.fields[0])
        fields = row.fields if same is None or same != row.fields else same
        return row._replace(fields=fields, lexemes=tuple(map(once.setdefault, row.lexemes, row.lexemes)))

    return [sharing(Arrived.of(row)) for row in rows]
