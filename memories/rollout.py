"""Changing the embedding model while everything runs: fill the free slot, switch, empty the other one.

Rows are written with the vectors of the slot that serves; the other slot is filled behind the writers, by
`manage.py embeddings` and by the job `fill_vectors`, until nothing is missing. Each step can be broken off and
repeated, and no step touches a row's words, versions or times. A row that has no vector of the serving model yet is
found by its words; it is never compared with a vector of another model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from ibex.core.errors import Conflict, InvalidRequest
from ibex.core.tenancy import cross_tenant
from memories.embedding import model
from memories.filling import ROWS_AT_ONCE, fill
from memories.models import VectorSlot
from memories.models.slot import MODEL_NAME_MAX
from memories.retrieval import indexes, large
from memories.retrieval.statements import TABLES
from memories.slots import COLUMNS, Slot, in_use

State = VectorSlot.State

EMPTIED_AT_ONCE = 1_000
DIMENSIONS_MAX = 1_536
"""Two vectors of 1,536 numbers of two bytes leave room for the rest of a row in its page of 8 KiB."""
LEFT_OVER_MAX = ROWS_AT_ONCE
"""Rows that writers may have added since the last pass: so few are found by their words until the next one."""
PASSES_MAX = 20
SETTLED_AFTER = timedelta(seconds=60)
"""After a switch: processes look every five seconds, and torch with a model loads in ten to forty."""
MODEL_NAME_FORM = re.compile(r"[\w./:@+-]+", re.ASCII)
"""It stands in the conditions of indexes. The setting IBEX_EMBEDDING_MODEL has the same form."""

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
    _fill_once()
    return _slot(other)


def build_indexes() -> None:
    """The indexes of large agents for every slot in use; those that are there stay."""
    for kind, agent_id in large.large_agents():
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
        other.state = State.EMPTY
        other.save(using=system)
    indexes.drop_all(emptied)
    for table in TABLES.values():
        while count := _emptied(table, emptied):
            yield count
    with cross_tenant("embedding_rollout") as system:
        # Until now its name has said that there is something left of it.
        VectorSlot.objects.using(system).filter(name=emptied.name, state=State.EMPTY).update(model="")


def _locked(system: str) -> tuple[VectorSlot, VectorSlot]:
    """The slot that serves and the other one; whoever else wants to change them waits."""
    first, second = VectorSlot.objects.using(system).select_for_update().order_by("name")
    return (first, second) if first.state == State.SERVING else (second, first)


def _slot(row: VectorSlot) -> Slot:
    return Slot(name=row.name, model=row.model)


def _standing(row: VectorSlot, system: str) -> Standing:
    slot, filled, missing = _slot(row), 0, 0
    for table in TABLES.values():
        with connections[system].cursor() as cursor:
            cursor.execute(_named(_COUNT, table, slot), {"model": slot.model})
            has, lacks = cursor.fetchone()
            filled, missing = filled + has, missing + lacks
    return Standing(slot=slot, state=row.state, filled=filled, missing=0 if row.state == State.EMPTY else missing)


def _catch_up() -> None:
    """Fill until next to nothing is missing. Raises Conflict when writers are faster."""
    for _ in range(PASSES_MAX):
        _fill_once()
        missing = _missing_beside()
        if missing <= LEFT_OVER_MAX:
            return
    raise Conflict(f"{missing} rows lack a vector of the other model, and more come all the time. Try again.")


def _fill_once() -> None:
    for _step in fill():
        pass


def _missing_beside() -> int:
    return sum(standing.missing for standing in status() if standing.state not in {State.SERVING, State.EMPTY})


def _emptied(table: str, slot: Slot) -> int:
    with cross_tenant("embedding_rollout") as system, connections[system].cursor() as cursor:
        cursor.execute(_named(_EMPTY, table, slot), {"rows": EMPTIED_AT_ONCE})
        return int(cursor.rowcount)


def _named(statement: str, table: str, slot: Slot) -> str:
    """Table and columns are names of ours, from two short lists."""
    return statement.format(table=table, column=slot.column, model_column=slot.model_column)
