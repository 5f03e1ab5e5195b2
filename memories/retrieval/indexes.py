"""Exact or approximate: which vector search an agent gets, and the index that a large one needs.

Exact search inside the tenant is right, and fast to about 10,000 rows of the agent. Above, an HNSW index over that
agent's rows alone answers in a millisecond with recall 0.98 and more, where one shared index under a tenant's filter
returns too few rows, or the wrong ones (LIMITS section 2). Until the index is built, search stays exact: slower, right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from ibex.core.queue import enqueue
from ibex.core.tenancy import cross_tenant
from memories.refinement.draft import Prepared
from memories.retrieval.statements import TABLES
from memories.retrieval.vocabulary import profiles

EXACT_ROWS = 10_000
"""Rows of an agent above which its own index answers sooner. An exact scan is right to 20,000 (LIMITS section 2), but
takes most of the time that the cold search has."""
EF_SEARCH = 200
"""Candidates that HNSW keeps while it walks."""
EF_CONSTRUCTION = 128
"""Candidates kept while the index is built: twice pgvector's default, for recall at 100,000 rows."""
OWNER = "owner"
_CONDITIONS = {"memory": "AND status = 'active' AND deleted_at IS NULL", "excerpt": ""}
BUILD_TASK = "memories.tasks.index_agent"

IS_READY = "SELECT coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%(index)s)), false)"
SETTINGS = (
    f"SET LOCAL hnsw.ef_search = {EF_SEARCH}; SET LOCAL hnsw.iterative_scan = relaxed_order;"
    " SET LOCAL enable_seqscan = off"
)


def index_name(kind: str, agent_id: UUID) -> str:
    """The name of an agent's own index over memories or excerpts."""
    return f"{TABLES[kind]}_near_{agent_id.hex}"


def condition(kind: str, agent_id: UUID) -> str:
    """Which rows the agent's own index holds; a query must say the same, in constants, to use it."""
    return f"agent_id = '{agent_id}' {_CONDITIONS[kind]}"


def after_commit(batch: Iterable[Prepared]) -> None:
    """Step 9 of refinement: searches of this process count the agent's words anew, once the write is committed."""
    if any(not prepared.refused for prepared in batch):
        transaction.on_commit(profiles.clear, robust=True)


def build(kind: str, agent_id: UUID) -> None:
    """Build the agent's own index without blocking writers; nothing happens when it is there already.

    Runs as the owner of the tables, outside any transaction. An index that an earlier build left half done is replaced.
    """
    name = index_name(kind, agent_id)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(IS_READY, {"index": name})
        if cursor.fetchone()[0]:
            return
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        cursor.execute(
            f"CREATE INDEX CONCURRENTLY {name} ON {TABLES[kind]} USING hnsw (embedding halfvec_cosine_ops) "
            f"WITH (ef_construction = {EF_CONSTRUCTION}) WHERE {condition(kind, agent_id)}"
        )


def drop(kind: str, agent_id: UUID) -> None:
    """Remove an agent's own index."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index_name(kind, agent_id)}")


def large_agents() -> list[tuple[str, UUID]]:
    """(kind, agent) of every agent, of all organizations, whose rows are more than exact search is good for."""
    found: list[tuple[str, UUID]] = []
    with cross_tenant("index_large_agents") as system, connections[system].cursor() as cursor:
        for kind, table in TABLES.items():
            live = "WHERE deleted_at IS NULL" if kind == "memory" else ""
            statement = f"SELECT agent_id FROM {table} {live} GROUP BY agent_id HAVING count(*) > %s"  # noqa: S608
            cursor.execute(statement, [EXACT_ROWS])
            found += [(kind, agent_id) for (agent_id,) in cursor.fetchall()]
    return found


def enqueue_large_agents() -> int:
    """Queue an index for every agent that has grown large; how many. The scheduler calls this daily."""
    large = large_agents()
    for kind, agent_id in large:
        enqueue(BUILD_TASK, kind, str(agent_id))
    return len(large)


def approximate(kind: str, agent_id: UUID, statement: str) -> tuple[str, Any]:
    """`statement` with its exact vector arm replaced by one that only the agent's own index can answer."""
    exact = "ORDER BY (embedding <=> %(vector)s::halfvec) + 0"
    return SETTINGS, statement.replace(
        exact, f"AND {condition(kind, agent_id)} ORDER BY embedding <=> %(vector)s::halfvec"
    )
