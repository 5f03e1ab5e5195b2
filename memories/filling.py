"""Making the vectors that rows lack: behind the writers while the model changes, and once a day in any case.

A step is one batch: read, embedded in no transaction, and stored where the words are still the same. It may be broken
off after any step, and be done by two at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any
from uuid import UUID

from django.db import connection, connections

from ibex.core.jobs import Place, Progress
from ibex.core.tenancy import cross_tenant, scope
from memories.embedding import Vector, embed_texts
from memories.retrieval.perspective import first_person
from memories.retrieval.statements import TABLES
from memories.slots import COLUMNS, Slot, in_use

ROWS_AT_ONCE = 64
"""Rows of one batch: half a second of one core on the fast path, three on the reference."""
FILL_JOB = "fill_vectors"
FIRST_ID = UUID(int=0)
_SPOKEN: dict[str, Callable[[str], str]] = {"memory": first_person, "excerpt": str}
"""What is embedded: memories as their users would say them, excerpts as they were said."""
_WANTING = """
SELECT kind, id, content, {flags} FROM (
  SELECT 'memory' AS kind, * FROM (
    SELECT id, content, {flags_of} FROM memories_memory
     WHERE org_id = %(org)s AND id > %(after)s AND content <> '' AND ({wanting})
     ORDER BY id LIMIT %(rows)s) AS memories
  UNION ALL
  SELECT 'excerpt', * FROM (
    SELECT id, content, {flags_of} FROM memories_excerpt
     WHERE org_id = %(org)s AND id > %(after)s AND content <> '' AND ({wanting})
     ORDER BY id LIMIT %(rows)s) AS excerpts
) AS found ORDER BY id LIMIT %(rows)s
"""
# A row that somebody is writing is left for the next pass: this statement waits for nobody, so it is in no deadlock.
_STORE = """
WITH made AS (
  SELECT * FROM unnest(%(ids)s::uuid[], %(contents)s::text[], %(vectors)s::text[]) AS made(id, content, vector)
), free AS (
  SELECT id, content FROM {table} WHERE org_id = %(org)s AND id = ANY(%(ids)s::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {table} AS stored SET {column} = made.vector::halfvec, {model_column} = %(model)s
  FROM made JOIN free USING (id, content)
 WHERE stored.org_id = %(org)s AND stored.id = made.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A row that lacks vectors in the slots named."""

    kind: str
    id: UUID
    content: str
    slots: Sequence[Slot]


def fill(place: Place | None = None) -> Iterator[Progress]:
    """The job's work while a model changes: what is missing in both slots. With one in use, nothing is looked for."""
    slots = in_use()
    return _fill(slots, place) if len(slots) == len(COLUMNS) else iter(())


def mend(place: Place | None = None) -> Iterator[Progress]:
    """The daily job's work: what is missing, whether a model changes or not."""
    return _fill(in_use(), place)


def _fill(slots: Sequence[Slot], place: Place | None) -> Iterator[Progress]:
    for org_id in _organizations():
        if place is not None and org_id < place.org_id:
            continue
        after = place.row_id if place is not None and place.org_id == org_id else None
        while rows := _wanting(org_id, slots, after or FIRST_ID):
            made = sum(_make(org_id, slot, rows) for slot in slots)
            after = rows[-1].id
            yield Progress(counts={"vectors_made": made}, place=Place(org_id=org_id, row_id=after))


def _organizations() -> list[UUID]:
    with cross_tenant("fill_vectors") as system, connections[system].cursor() as cursor:
        cursor.execute("SELECT id FROM agents_organization ORDER BY id")
        return [org_id for (org_id,) in cursor.fetchall()]


def _wanting(org_id: UUID, slots: Sequence[Slot], after: UUID) -> list[_Row]:
    """The next rows that lack a vector in one of `slots`."""
    lacks = [f"({slot.column} IS NULL OR {slot.model_column} <> %({slot.name})s)" for slot in slots]
    flags = [f"lacks_{slot.name}" for slot in slots]
    statement = _WANTING.format(
        flags=", ".join(flags),
        flags_of=", ".join(f"{lack} AS {flag}" for lack, flag in zip(lacks, flags, strict=True)),
        wanting=" OR ".join(lacks),
    )
    given: dict[str, Any] = {"org": org_id, "after": after, "rows": ROWS_AT_ONCE}
    with scope(org_id), connection.cursor() as cursor:
        cursor.execute(statement, given | {slot.name: slot.model for slot in slots})
        return [
            _Row(kind=kind, id=row_id, content=content, slots=list(compress(slots, which)))
            for kind, row_id, content, *which in cursor.fetchall()
        ]


def _make(org_id: UUID, slot: Slot, rows: Sequence[_Row]) -> int:
    """Vectors of one slot for the rows that lack them: made in no transaction, stored where the words are the same."""
    wanting = [row for row in rows if slot in row.slots]
    if not wanting:
        return 0
    vectors = embed_texts([_SPOKEN[row.kind](row.content) for row in wanting], slot.model)
    made = [(row, _text(vector)) for row, vector in zip(wanting, vectors, strict=True)]
    return sum(_stored(org_id, slot, kind, [one for one in made if one[0].kind == kind]) for kind in TABLES)


def _stored(org_id: UUID, slot: Slot, kind: str, made: Sequence[tuple[_Row, str]]) -> int:
    if not made:
        return 0
    given: dict[str, Any] = {
        "org": org_id,
        "model": slot.model,
        "ids": [row.id for row, _ in made],
        "contents": [row.content for row, _ in made],
        "vectors": [vector for _, vector in made],
    }
    with scope(org_id), connection.cursor() as cursor:
        cursor.execute(_STORE.format(table=TABLES[kind], column=slot.column, model_column=slot.model_column), given)
        return int(cursor.rowcount)


def _text(vector: Vector) -> str:
    return f"[{','.join(f'{value:.6g}' for value in vector.tolist())}]"
