"""Rows of a copy as they come from the vault: piece by piece, and no value twice that the copy before has already.

As one answer they would take twice the memory of what is made of them, and two copies of 10,000 rows 30 MiB more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connections

from ibex.core.tenancy import scope

Row = tuple[Any, ...]

ROWS_AT_ONCE = 500
"""About 2 KiB each, on their way."""


def arriving(org_id: UUID, statement: str, given: Sequence[Any], known: Sequence[Row], *, fields: int) -> list[Row]:
    """The rows of `statement`: so many fields, an id the first of them, as those of `known` are; then a vector, a list
    of lexemes, and more. Under that tenant's policies. Blocks; for a thread. Raises Django's DatabaseError.
    """
    connection = connections["default"]
    try:
        with scope(org_id), connection.cursor() as cursor, connection.wrap_database_errors:
            # Django has no name for it.
            return _sharing(cursor.cursor.stream(statement, given, size=ROWS_AT_ONCE), known, fields)
    finally:
        # The thread goes back to its pool, and so must its connection.
        connection.close()


def _sharing(rows: Iterable[Row], known: Sequence[Row], fields: int) -> list[Row]:
    before = {row[0]: row for row in known}
    once: dict[str, str] = {}

    def sharing(row: Row) -> Row:
        own, (vector, lexemes, *others) = row[:fields], row[fields:]
        same = before.get(row[0])
        words = [once.setdefault(lexeme, lexeme) for lexeme in lexemes or ()]
        return (*(same if same is not None and same == own else own), vector, words, *others)

    return [sharing(row) for row in rows]
