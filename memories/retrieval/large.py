"""Which agents have search indexes of their own: the large ones, as many as a table can bear."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connections

from ibex.core.queue import enqueue
from ibex.core.tenancy import cross_tenant
from memories.retrieval import indexes
from memories.retrieval.statements import TABLES

INDEXED_MOST = 40
"""Agents of a table that have indexes of their own. Every plan for the table looks at all of them: with none a plan
takes .3 ms, with 40 agents' .8, with 100 agents' 1.7, and 5.5 where the server has locks at hand for fewer
(`max_locks_per_transaction`); a search makes five plans. Later ones are searched exactly: slower, right."""
KEPT_SHARE = 0.5
"""Of the rows that make an agent large: one that has fewer loses its indexes."""
BUILD_TASK = "memories.tasks.index_agent"
DROP_TASK = "memories.tasks.drop_indexes_of"

Agents = list[tuple[str, UUID]]
"""(kind of row, agent), of all organizations."""

_INDEXED = """
SELECT right(indexname, 32)::uuid FROM pg_indexes WHERE tablename = %(table)s AND starts_with(indexname, %(prefix)s)
"""


def large_agents() -> Agents:
    """Those that are to have indexes of their own: who has them and is still large, then the largest."""
    return _surveyed()[0]


def reconcile() -> dict[str, int]:
    """Queue what is missing and the removal of what nobody needs, such as a deleted agent's; how many of each."""
    large, small = _surveyed()
    for kind, agent_id in large:
        enqueue(BUILD_TASK, kind, str(agent_id))
    for kind, agent_id in small:
        enqueue(DROP_TASK, kind, str(agent_id))
    return {"indexes_queued": len(large), "removals_queued": len(small)}


def _surveyed() -> tuple[Agents, Agents]:
    """Who is to have indexes, and who has some without being large any more."""
    large: Agents = []
    small: Agents = []
    with cross_tenant("index_large_agents") as system, connections[system].cursor() as cursor:
        for kind, table in TABLES.items():
            sizes, indexed = _sizes(cursor, kind, table), _indexed(cursor, kind)
            kept = [agent_id for agent_id in sizes if agent_id in indexed]
            room = max(0, INDEXED_MOST - len(kept))
            grown = [agent_id for agent_id, rows in sizes.items() if rows > indexes.EXACT_ROWS]
            new = [agent_id for agent_id in grown if agent_id not in indexed][:room]
            large += [(kind, agent_id) for agent_id in (*kept, *new)]
            small += [(kind, agent_id) for agent_id in sorted(indexed.difference(sizes))]
    return large, small


def _sizes(cursor: Any, kind: str, table: str) -> dict[UUID, int]:
    """Rows of each agent that is large, or nearly, the largest first."""
    live = "WHERE deleted_at IS NULL" if kind == "memory" else ""
    cursor.execute(
        f"SELECT agent_id, count(*) FROM {table} {live} GROUP BY agent_id HAVING count(*) > %s ORDER BY 2 DESC",  # noqa: S608 - names of ours
        [indexes.EXACT_ROWS * KEPT_SHARE],
    )
    return dict(cursor.fetchall())


def _indexed(cursor: Any, kind: str) -> set[UUID]:
    cursor.execute(_INDEXED, {"table": TABLES[kind], "prefix": indexes.words_index_prefix(kind)})
    return {agent_id for (agent_id,) in cursor.fetchall()}
