"""Changing the embedding model while everything runs: fill the free slot, switch, empty the other one.

Rows are written with the vectors of the slot that serves; the other slot is filled behind the writers, by
`manage.py embeddings` and by the job `fill_vectors`, until nothing is missing. Each step can be broken off and
repeated, and no step touches a row's words, versions or times. A row that has no vector of the serving model yet is
found by its words; it is never compared with a vector of another model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import compress
from typing import Any
from uuid import UUID

from django.db import connection, connections
from django.utils import timezone

from ibex.core.errors import Conflict, InvalidRequest
from ibex.core.jobs import Place, Progress
from ibex.core.tenancy import cross_tenant, scope
from memories.embedding import Vector, embed_texts, model
from memories.models import VectorSlot
from memories.models.slot import MODEL_NAME_MAX
from memories.retrieval import indexes
from memories.retrieval.perspective import first_person
from memories.slots import COLUMNS, Slot, in_use

State = VectorSlot.State

ROWS_AT_ONCE = 64
"""Rows of one batch: half a second of one core on the fast path, three on the reference."""
EMPTIED_AT_ONCE = 1_000
DIMENSIONS_MAX = 1_536
"""Two vectors of 1,536 numbers of two bytes leave room for the rest of a row in its page of 8 KiB."""
LEFT_OVER_MAX = ROWS_AT_ONCE
"""Rows that writers may have added since the last pass: so few are found by their words until the next one."""
PASSES_MAX = 20
SETTLED_AFTER = timedelta(seconds=60)
"""After a switch: processes look every five seconds, and torch with a model loads in ten to forty."""
FILL_JOB = "fill_vectors"
MODEL_NAME_FORM = re.compile(r"[\w./:@+-]+", re.ASCII)
"""It stands in the conditions of indexes. The setting IBEX_EMBEDDING_MODEL has the same form."""
FIRST_ID = UUID(int=0)

# A deleted memory has no words any more, and no vector.
_KINDS = {"memory": "memories_memory", "excerpt": "memories_excerpt"}
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
_EMPTY = """
UPDATE {table} SET {column} = NULL, {model_column} = ''
 WHERE id = ANY(ARRAY(SELECT id FROM {table} WHERE {column} IS NOT NULL OR {model_column} <> ''
                       LIMIT %(rows)s FOR NO KEY UPDATE SKIP LOCKED))
"""
_COUNT = """
SELECT count(*) FILTER (WHERE {column} IS NOT NULL AND {model_column} = %(model)s),
       count(*) FILTER (WHERE {column} IS NULL OR {model_column} <> %(model)s)
  FROM {table} WHERE content <> ''
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A slot as it is: how many rows have a vector of its model, and how many lack one."""

    slot: Slot
    state: str
    filled: int
    missing: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A row that lacks vectors in the slots named."""

    kind: str
    id: UUID
    content: str
    slots: Sequence[Slot]


def status() -> list[Standing]:
    """Both slots, counted over all organizations."""
    with cross_tenant("embedding_rollout") as system:
        rows = list(VectorSlot.objects.using(system).order_by("name"))
        return [_standing(row, system) for row in rows]


def prepare(name: str) -> Slot:
    """Begin to fill the free slot with the vectors of another model, or go on with it. Loads the model first.

    Raises EmbeddingUnavailable; InvalidRequest for a model that rows have no room for; Conflict when the slot is taken.
    """
    if len(name) > MODEL_NAME_MAX or not MODEL_NAME_FORM.fullmatch(name):
        raise InvalidRequest(f"A model's name has 1 to {MODEL_NAME_MAX} letters, digits and any of . / : @ + _ -")
    width = model(name).dimensions
    if width > DIMENSIONS_MAX:
        raise InvalidRequest(f"Its vectors are {width} wide; there is room for {DIMENSIONS_MAX}.")
    with cross_tenant("embedding_rollout") as system:
        serves, other = _locked(system)
        if serves.model == name:
            raise Conflict(f"{name} serves already.")
        if other.state == State.RETIRING or (other.state == State.FILLING and other.model != name):
            raise Conflict(f"The other slot holds {other.model}: `finish` or `abandon` first.")
        other.model, other.state = name, State.FILLING
        other.save(using=system)
        return _slot(other)


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


def switch() -> Slot:
    """Let the filled slot serve from now on; the one that served stays filled beside it, so switching back is possible.

    Indexes of large agents are built first. Raises Conflict when there is nothing to switch to, or too much is missing.
    """
    if len(in_use()) < len(COLUMNS):
        raise Conflict("The other slot is empty: `prepare` a model first.")
    _catch_up()
    build_indexes()
    with cross_tenant("embedding_rollout") as system:
        serves, other = _locked(system)
        if other.state == State.EMPTY:  # somebody has emptied it meanwhile
            raise Conflict("The other slot is empty: `prepare` a model first.")
        serves.state = State.RETIRING
        serves.save(using=system)
        other.state = State.SERVING
        other.save(using=system)
    _catch_up()
    return _slot(other)


def build_indexes() -> None:
    """The indexes of large agents for every slot in use; those that are there stay."""
    for kind, agent_id in indexes.large_agents():
        for slot in in_use():
            indexes.build(kind, agent_id, slot)


def clear(*, expected: str, settled: bool = False) -> Iterator[int]:
    """Empty the slot that does not serve, whose state must be `expected`; yields the number of rows of each step.

    May be repeated when it was broken off. Raises Conflict when the slot is in another state, or has served so lately
    that a process may still search it; `settled`: somebody knows that none does.
    """
    with cross_tenant("embedding_rollout") as system:
        _, other = _locked(system)
        if other.state not in {expected, State.EMPTY}:
            raise Conflict(f"{other.model} is {other.get_state_display().lower()}: the other command is meant.")
        if not settled and other.state == State.RETIRING and timezone.now() < other.changed_at + SETTLED_AFTER:
            raise Conflict(f"It served less than {SETTLED_AFTER.seconds} s ago: processes may still search it.")
        emptied = _slot(other)
        other.model, other.state = "", State.EMPTY
        other.save(using=system)
    indexes.drop_all(emptied)
    for table in _KINDS.values():
        while count := _emptied(table, emptied):
            yield count


def _locked(system: str) -> tuple[VectorSlot, VectorSlot]:
    """The slot that serves and the other one; whoever else wants to change them waits."""
    first, second = VectorSlot.objects.using(system).select_for_update().order_by("name")
    return (first, second) if first.state == State.SERVING else (second, first)


def _slot(row: VectorSlot) -> Slot:
    return Slot(name=row.name, model=row.model)


def _standing(row: VectorSlot, system: str) -> Standing:
    slot, filled, missing = _slot(row), 0, 0
    for table in _KINDS.values():
        with connections[system].cursor() as cursor:
            cursor.execute(_named(_COUNT, table, slot), {"model": slot.model})
            has, lacks = cursor.fetchone()
            filled, missing = filled + has, missing + lacks
    return Standing(slot=slot, state=row.state, filled=filled, missing=missing if row.model else 0)


def _catch_up() -> None:
    """Fill until next to nothing is missing. Raises Conflict when writers are faster."""
    for _ in range(PASSES_MAX):
        for _step in fill():
            pass
        missing = _missing_beside()
        if missing <= LEFT_OVER_MAX:
            return
    raise Conflict(f"{missing} rows lack a vector of the other model, and more come all the time. Try again.")


def _missing_beside() -> int:
    return sum(standing.missing for standing in status() if standing.state not in {State.SERVING, State.EMPTY})


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
    return sum(_stored(org_id, slot, kind, [one for one in made if one[0].kind == kind]) for kind in _KINDS)


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
        cursor.execute(_named(_STORE, _KINDS[kind], slot), given)
        return int(cursor.rowcount)


def _text(vector: Vector) -> str:
    return f"[{','.join(f'{value:.6g}' for value in vector.tolist())}]"


def _emptied(table: str, slot: Slot) -> int:
    with cross_tenant("embedding_rollout") as system, connections[system].cursor() as cursor:
        cursor.execute(_named(_EMPTY, table, slot), {"rows": EMPTIED_AT_ONCE})
        return int(cursor.rowcount)


def _named(statement: str, table: str, slot: Slot) -> str:
    """Table and columns are names of ours, from two short lists."""
    return statement.format(table=table, column=slot.column, model_column=slot.model_column)
