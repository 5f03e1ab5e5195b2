"""Exact or approximate: which vector search an agent gets, and the index that a large one needs.

Exact search inside the tenant is right, and fast to about 10,000 rows of the agent. Above, an HNSW index over that
agent's rows alone answers in a millisecond with recall 0.98 and more, where one shared index under a tenant's filter
returns too few rows, or the wrong ones (LIMITS section 2). Until the index is built, search stays exact: slower, right.
Which agents are large is `memories.retrieval.large`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from uuid import UUID

from django.db import connections, transaction

from ibex.core.tenancy import cross_tenant
from memories.refinement.draft import Prepared
from memories.retrieval.statements import TABLES, nearest_first
from memories.retrieval.vocabulary import profiles
from memories.slots import Slot

EXACT_ROWS = 5_000
"""Rows of an agent above which its own index answers sooner. An exact scan is right to 20,000 (LIMITS section 2), but
10,000 rows that lie scattered take most of the time that the cold search has."""
EF_SEARCH = 100
"""Candidates that HNSW keeps while it walks. At 100,000 rows the index alone finds .99 of the 20 nearest (with 80
.984, with 120 .996 in an eighth more time), and the search with its words as many."""
EF_CONSTRUCTION = 128
"""Candidates kept while the index is built: twice pgvector's default, for recall at 100,000 rows."""
OWNER = "owner"
_CONDITIONS = {"memory": "AND status = 'active' AND deleted_at IS NULL", "excerpt": ""}

IS_READY = "SELECT coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%(index)s)), false)"
_OF_SLOT = (
    "SELECT indexname FROM pg_indexes WHERE tablename = ANY(%(tables)s) AND position('_near_' IN indexname) > 0"
    " AND right(indexname, length(%(ending)s)) = %(ending)s"
)
SETTINGS = (
    f"SET LOCAL hnsw.ef_search = {EF_SEARCH}",
    "SET LOCAL hnsw.iterative_scan = relaxed_order",
    "SET LOCAL enable_seqscan = off",
)


def index_name(kind: str, agent_id: UUID, slot: Slot) -> str:
    """The name of an agent's own index over memories or excerpts with vectors of the slot's model."""
    return f"{TABLES[kind]}_near_{agent_id.hex}_{_mark(slot)}"


def words_index_name(kind: str, agent_id: UUID) -> str:
    """The name of an agent's own index over the words of memories or excerpts."""
    return words_index_prefix(kind) + agent_id.hex


def words_index_prefix(kind: str) -> str:
    """What the names of all agents' own indexes over words begin with; the agent's id follows."""
    return f"{TABLES[kind]}_words_"


def condition(kind: str, agent_id: UUID, slot: Slot) -> str:
    """Which rows the agent's own index holds; a query must say the same, in constants, to use it."""
    return f"agent_id = '{agent_id}' AND {slot.model_column} = '{slot.model}' {_CONDITIONS[kind]}"


def after_commit(batch: Iterable[Prepared]) -> None:
    """Step 9 of refinement: searches of this process count the agent's words anew, once the write is committed."""
    if any(not prepared.refused for prepared in batch):
        transaction.on_commit(profiles.clear, robust=True)


def build(kind: str, agent_id: UUID, slot: Slot) -> None:
    """Build the agent's own indexes without blocking writers: of its vectors, and of its words, because the index of
    all words reads through the rows of the agent first. Those that are there stay; without vectors there is none.

    Runs as the owner of the tables, outside any transaction. An index that an earlier build left half done is replaced.
    """
    width = _width(kind, agent_id, slot)
    if width is None:
        return
    near = (
        f"USING hnsw (({slot.column}::halfvec({width})) halfvec_cosine_ops) "
        f"WITH (ef_construction = {EF_CONSTRUCTION}) WHERE {condition(kind, agent_id, slot)}"
    )
    _create(kind, index_name(kind, agent_id, slot), near)
    _create(kind, words_index_name(kind, agent_id), f"USING gin (search_text) WHERE agent_id = '{agent_id}'")


def _create(kind: str, name: str, definition: str) -> None:
    with connections[OWNER].cursor() as cursor:
        cursor.execute(IS_READY, {"index": name})
        if not cursor.fetchone()[0]:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            cursor.execute(f"CREATE INDEX CONCURRENTLY {name} ON {TABLES[kind]} {definition}")


def drop(kind: str, agent_id: UUID, slot: Slot) -> None:
    """Remove an agent's own indexes."""
    with connections[OWNER].cursor() as cursor:
        for name in (index_name(kind, agent_id, slot), words_index_name(kind, agent_id)):
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def drop_all(slot: Slot) -> None:
    """Remove the indexes of every agent over the vectors of a slot's model."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_OF_SLOT, {"tables": list(TABLES.values()), "ending": f"_{_mark(slot)}"})
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _mark(slot: Slot) -> str:
    """Six characters that tell one slot's model from another: a name of PostgreSQL has 63."""
    return blake2b(f"{slot.column}/{slot.model}".encode(), digest_size=3).hexdigest()


def _width(kind: str, agent_id: UUID, slot: Slot) -> int | None:
    """How wide the agent's vectors are; None when there is none. As the system role: owners see no tenant's rows."""
    with cross_tenant("index_large_agents") as system, connections[system].cursor() as cursor:
        cursor.execute(
            f"SELECT vector_dims({slot.column}) FROM {TABLES[kind]} "  # noqa: S608 - names of ours
            f"WHERE agent_id = %s AND {slot.model_column} = %s AND {slot.column} IS NOT NULL LIMIT 1",
            [agent_id, slot.model],
        )
        found = cursor.fetchone()
    return found[0] if found else None


def approximate(kind: str, agent_id: UUID, slot: Slot, width: int, statement: str) -> tuple[tuple[str, ...], str]:
    """Settings, and `statement` with its exact vector arm replaced by one that only the agent's own index can answer.

    `width`: of the slot's vectors, which an index is made for.
    """
    near = f"ORDER BY {slot.column}::halfvec({width}) <=> %(vector)s::halfvec({width})"
    return SETTINGS, statement.replace(nearest_first(slot), f"AND {condition(kind, agent_id, slot)} {near}")
