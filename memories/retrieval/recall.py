"""How much of what exact search would find a large agent's approximate search finds: measured, not believed.

The questions are what was lately said to the agent, by its excerpts' vectors; where there are none, its own memories.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any
from uuid import UUID

from django.db import connection

from memories.retrieval import indexes
from memories.retrieval.statements import TABLES, nearest_first
from memories.slots import Slot

QUESTIONS = 30
"""Asked both ways. At 100,000 rows the exact search takes a quarter of a second: 8 s for all of them."""
FOUND = 20
ENOUGH = 0.98
"""Recall that is promised (benchmarks/search_latency.py)."""

_LATELY = (
    "SELECT {column}::text FROM {table} WHERE org_id = %(org)s AND agent_id = %(agent)s"
    " AND {column} IS NOT NULL AND {model_column} = %(model)s ORDER BY id DESC LIMIT {questions}"
)
_NEAREST = "SELECT id FROM {table} WHERE org_id = %(org)s AND agent_id = %(agent)s {live} {order} LIMIT {found}"
_LIVE = {"memory": "AND status = 'active' AND deleted_at IS NULL", "excerpt": ""}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall:
    """What was measured; times in milliseconds, the median of all questions."""

    rows: int
    questions: int
    recall: float
    fewest: int
    approximate_ms: float
    exact_ms: float


def measure(org_id: UUID, agent_id: UUID, kind: str, slot: Slot) -> Recall | None:
    """Ask both ways, inside the caller's scope; None when the agent has no index of its own, or nothing to ask."""
    given = {"org": org_id, "agent": agent_id, "model": slot.model}
    if not _value(indexes.IS_READY, {"index": indexes.index_name(kind, agent_id, slot)}):
        return None
    asked = _lately("excerpt", slot, given) or _lately("memory", slot, given)
    if not asked:
        return None
    exact = _NEAREST.format(table=TABLES[kind], live=_LIVE[kind], order=nearest_first(slot), found=FOUND)
    all_of_them = [_timed(exact, given | {"vector": vector}) for vector in asked]
    settings, near = indexes.approximate(kind, agent_id, slot, asked[0].count(",") + 1, exact)
    _rows("; ".join(settings), {})
    found = [_timed(near, given | {"vector": vector}) for vector in asked]
    shares = [len(ours & theirs) / len(theirs) for (_, ours), (_, theirs) in zip(found, all_of_them, strict=True)]
    return Recall(
        rows=_value(f"SELECT count(*) FROM {TABLES[kind]} WHERE org_id = %(org)s AND agent_id = %(agent)s", given),  # noqa: S608 - a table of ours
        questions=len(asked),
        recall=fmean(shares),
        fewest=min(len(ours) for _, ours in found),
        approximate_ms=median(took for took, _ in found),
        exact_ms=median(took for took, _ in all_of_them),
    )


def _lately(kind: str, slot: Slot, given: dict[str, Any]) -> list[str]:
    names = {"column": slot.column, "model_column": slot.model_column, "table": TABLES[kind], "questions": QUESTIONS}
    return [row[0] for row in _rows(_LATELY.format(**names), given)]


def _timed(statement: str, given: dict[str, Any]) -> tuple[float, set[UUID]]:
    start = time.perf_counter()
    found = {row[0] for row in _rows(statement, given)}
    return (time.perf_counter() - start) * 1000, found


def _value(statement: str, given: dict[str, Any]) -> Any:
    return _rows(statement, given)[0][0]


def _rows(statement: str, given: dict[str, Any]) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given or None)
        return cursor.fetchall() if cursor.description else ()
