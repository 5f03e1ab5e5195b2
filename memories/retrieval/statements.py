"""The SQL of search. Parameters are named; every filter that matters stands beside the policy as well.

Under Row-Level Security the planner may not use the full-text index, because `@@` is not leakproof (LIMITS section 2).
So the words of a question go through functions that run as the system role and filter by the tenant setting themselves
(migrations 0008 and 0016). The vector arm is exact (`+ 0` keeps approximate indexes away) unless `indexes` says
otherwise.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memories.retrieval.query import Query
from memories.retrieval.words import Terms
from memories.slots import Slot

ARM_ROWS = 64
"""Candidates of each arm: with this many, nothing is lost against scoring every row (QUALITY section 1's sets)."""
SAMPLE_ROWS = 2_000
"""Rows from which the words of an agent are counted."""

LEXEMES = "SELECT tsvector_to_array(to_tsvector('english', %(text)s))"

# An array of ids is looked up in the key's index; a join with the same rows may be planned as a scan of the table.
_FOUND = "ARRAY(SELECT id FROM nearest UNION ALL SELECT id FROM worded)"
_MEMORY_CANDIDATES = """
WITH nearest AS MATERIALIZED (
  SELECT id FROM memories_memory WHERE {place} {nearest} LIMIT %(rows)s
), worded AS MATERIALIZED (
  SELECT id FROM ibex_memory_matches(%(agent)s, %(users)s, %(statuses)s, %(categories)s, %(any)s::tsquery,
                                   %(terms)s::text[]::tsquery[], %(weights)s, %(rows)s)
)
SELECT m.id, 1 - {distance} AS cosine, {matched} AS matched,
       m.session_id, m.checkpoint_id, m.tokens, coalesce(m.valid_from, m.observed_at),
       n.id IS NOT NULL, w.id IS NOT NULL
  FROM memories_memory m LEFT JOIN nearest n USING (id) LEFT JOIN worded w USING (id)
 WHERE m.org_id = %(org)s AND m.id = ANY({found}) AND {current}
"""

_EXCERPT_CANDIDATES = """
WITH nearest AS MATERIALIZED (
  SELECT id FROM memories_excerpt WHERE {place} {nearest} LIMIT %(rows)s
), worded AS MATERIALIZED (
  SELECT id FROM ibex_excerpt_matches(%(agent)s, %(users)s, %(roles)s, %(any)s::tsquery,
                                    %(terms)s::text[]::tsquery[], %(weights)s, %(rows)s)
), hit AS MATERIALIZED (
  SELECT DISTINCT agent_id, session_id, turn FROM memories_excerpt WHERE org_id = %(org)s AND id = ANY({found})
), beside AS MATERIALIZED (
  SELECT e.id FROM hit h JOIN memories_excerpt e
      ON e.agent_id = h.agent_id AND e.session_id = h.session_id AND e.turn BETWEEN h.turn - 1 AND h.turn + 1
   WHERE {place_beside}
)
SELECT e.id, 1 - {distance} AS cosine, {matched} AS matched,
       e.session_id, e.checkpoint_id, e.tokens, e.said_at, n.id IS NOT NULL, w.id IS NOT NULL, e.turn, e.role, e.speaker
  FROM memories_excerpt e LEFT JOIN nearest n USING (id) LEFT JOIN worded w USING (id)
 WHERE e.org_id = %(org)s AND e.id = ANY(ARRAY(SELECT id FROM beside))
"""

MEMORIES = """
SELECT id, agent_id, end_user, content, category, source, status, confidence, usefulness, injection_count,
       extract(epoch FROM observed_at)::float8, extract(epoch FROM valid_from)::float8, tokens, version, is_pinned,
       session_id, checkpoint_id, NULL::int, '', '', by_operator
  FROM memories_memory WHERE org_id = %(org)s AND id = ANY(%(ids)s)
"""
EXCERPTS = """
SELECT id, agent_id, end_user, content, 'episodic', '', 'active', 1.0::float8, 0.5::float8, 0,
       extract(epoch FROM said_at)::float8, NULL::float8, tokens, 1, false,
       session_id, checkpoint_id, turn, role, speaker, false
  FROM memories_excerpt WHERE org_id = %(org)s AND id = ANY(%(ids)s)
"""

CONTENTS = {"memory": MEMORIES, "excerpt": EXCERPTS}
TABLES = {"memory": "memories_memory", "excerpt": "memories_excerpt"}


def candidates(kind: str, query: Query, slot: Slot, *, words: int) -> str:
    """The statement that finds what may answer, near the question in `slot` or with its words, of which there are
    `words`. Filters that are not asked for are not in it: the planner could not use an index behind
    `%(agent)s IS NULL OR …`.
    """
    nearest = nearest_first(slot)
    if kind == "memory":
        place, current = _where(query, memories=True), _current(query, "m.")
        return _MEMORY_CANDIDATES.format(
            found=_FOUND,
            place=place,
            current=current,
            nearest=nearest,
            distance=_distance(slot, "m."),
            matched=_matched("m", words),
        )
    return _EXCERPT_CANDIDATES.format(
        found=_FOUND,
        place=_where(query),
        place_beside=_where(query, prefix="e."),
        nearest=nearest,
        distance=_distance(slot, "e."),
        matched=_matched("e", words),
    )


def _matched(row: str, words: int) -> str:
    """Which words a row has, as the bits of a number. One expression: to unnest them for each row takes five times as
    long.
    """
    bits = (f"CASE WHEN {row}.search_text @@ %(word{at})s::tsquery THEN {1 << at} ELSE 0 END" for at in range(words))
    return f"({' + '.join(['0::bigint', *bits])})"


def nearest_first(slot: Slot) -> str:
    """The order of the exact vector arm; rows without a vector of that model come last."""
    return f"ORDER BY {_distance(slot)} + 0"


def by_own_words(statement: str) -> str:
    """The same statement, its words looked up in the agent's own index of them."""
    return statement.replace("_matches(", "_matches_own(").replace(
        "%(any)s::tsquery", "%(alone)s::tsquery, %(together)s::tsquery"
    )


def _distance(slot: Slot, prefix: str = "") -> str:
    """Nothing where the row's vector is not of the model that the question was embedded with."""
    return f"(CASE WHEN {prefix}{slot.model_column} = %(model)s THEN {prefix}{slot.column} <=> %(vector)s::halfvec END)"


def count_of_rows(kind: str, query: Query) -> str:
    """The statement that counts a table's rows for one agent and end user, up to %(most)s."""
    return f"SELECT count(*) FROM (SELECT 1 FROM {TABLES[kind]} WHERE {_place(query)} LIMIT %(most)s) AS found"  # noqa: S608


def speakers(query: Query) -> str:
    """The statement that collects the names that an agent's turns carry."""
    place = f"{_place(query)} AND speaker <> ''"
    sample = f"SELECT speaker FROM memories_excerpt WHERE {place} LIMIT {SAMPLE_ROWS}"  # noqa: S608 - no user's words
    return f"SELECT array_agg(DISTINCT speaker) FROM ({sample}) AS found"  # noqa: S608


def _where(query: Query, *, memories: bool = False, prefix: str = "") -> str:
    parts = [_place(query, prefix), f"({prefix}expires_at IS NULL OR {prefix}expires_at > now())"]
    if memories:
        parts += ["status = ANY(%(statuses)s)", "deleted_at IS NULL", _current(query)]
        parts += ["category = ANY(%(categories)s)"] * bool(query.categories)
    else:
        parts += [f"{prefix}role = ANY(%(roles)s)"] * bool(query.roles)
    return " AND ".join(parts)


def _current(query: Query, prefix: str = "") -> str:
    return "true" if query.include_outdated else f"({prefix}valid_until IS NULL OR {prefix}valid_until > now())"


def _place(query: Query, prefix: str = "") -> str:
    parts = [f"{prefix}org_id = %(org)s"]
    parts += [f"{prefix}agent_id = %(agent)s"] * (query.agent_id is not None)
    parts += [f"{prefix}end_user = ANY(%(users)s)"] * (query.end_user is not None)
    return " AND ".join(parts)


def sample_of_words(kind: str, agent_id: UUID | None) -> str:
    """The statement that counts words in a sample of the newest rows; the policy shows it only the tenant's."""
    parts = [f"agent_id = ''{agent_id}''"] * (agent_id is not None) + ["status = ''active''"] * (kind == "memory")
    where = f"WHERE {' AND '.join(parts)}" if parts else ""
    newest = "ORDER BY session_id DESC" if kind == "excerpt" else "ORDER BY created_at DESC"
    inner = f"SELECT search_text FROM {TABLES[kind]} {where} {newest} LIMIT {SAMPLE_ROWS}"  # noqa: S608 - a table of ours and a UUID
    return f"SELECT word, ndoc FROM ts_stat('{inner}')"  # noqa: S608 - as above


def parameters(query: Query, slot: Slot, vector: str, terms: Terms) -> dict[str, Any]:
    """What the candidate statements are given; `vector` is of the slot's model."""
    words = {f"word{at}": word for at, word in enumerate(terms.tsqueries)}
    return (
        place(query)
        | words
        | {
            "statuses": list(query.statuses),
            "categories": list(query.categories) or None,
            "roles": list(query.roles) or None,
            "model": slot.model,
            "vector": vector,
            "terms": terms.tsqueries,
            "weights": terms.weights.tolist(),
            "any": terms.any_of,
            "alone": terms.any_alone,
            "together": terms.any_together,
            "rows": max(ARM_ROWS, query.limit),
        }
    )


def place(query: Query) -> dict[str, Any]:
    """Whose rows: the organization's, of one agent or all, of these end users or all."""
    return {"org": query.org_id, "agent": query.agent_id, "users": users_of(query)}


def users_of(query: Query) -> list[str] | None:
    """The whole agent's memories, and the end user's own; None: everybody's."""
    return None if query.end_user is None else sorted({"", query.end_user})
