"""The SQL of search. Parameters are named; every filter that matters stands beside the policy as well.

Under Row-Level Security the planner may not use the full-text index, because `@@` is not leakproof (LIMITS section 2).
So the words of a question go through functions that run as the system role and filter by the tenant setting themselves
(migration 0002). The vector arm is exact (`+ 0` keeps approximate indexes away) unless `indexes` says otherwise.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memories.retrieval.query import Query
from memories.retrieval.words import Terms

ARM_ROWS = 64
"""Candidates of each arm: with this many, nothing is lost against scoring every row (QUALITY section 1's sets)."""
SAMPLE_ROWS = 2_000
"""Rows from which the words of an agent are counted."""

LEXEMES = "SELECT tsvector_to_array(to_tsvector('english', %(text)s))"

_MATCHED = """
    (SELECT coalesce(bit_or(1::bigint << (term.place::int - 1)), 0)
       FROM unnest(%(terms)s::text[]::tsquery[]) WITH ORDINALITY AS term(query, place)
      WHERE {row}.search_text @@ term.query)"""

_PLACE = """
    org_id = %(org)s AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
    AND (%(users)s::text[] IS NULL OR end_user = ANY(%(users)s))"""
_MEMORY_PLACE = f"""{_PLACE}
    AND status = ANY(%(statuses)s) AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    AND (%(categories)s::text[] IS NULL OR category = ANY(%(categories)s))"""

_EXCERPT_PLACE = f"""{_PLACE}
    AND (expires_at IS NULL OR expires_at > now()) AND (%(roles)s::text[] IS NULL OR role = ANY(%(roles)s))"""

MEMORY_CANDIDATES = f"""
WITH nearest AS MATERIALIZED (
  SELECT id FROM memories_memory WHERE {_MEMORY_PLACE} ORDER BY (embedding <=> %(vector)s::halfvec) + 0 LIMIT %(rows)s
), worded AS MATERIALIZED (
  SELECT id FROM ibex_memory_words(%(agent)s, %(users)s, %(statuses)s, %(categories)s, %(any)s::tsquery,
                                   %(terms)s::text[]::tsquery[], %(weights)s, %(rows)s)
)
SELECT m.id, coalesce(1 - (m.embedding <=> %(vector)s::halfvec), 0) AS cosine, {_MATCHED.format(row="m")} AS matched,
       m.session_id, m.checkpoint_id, m.tokens, coalesce(m.valid_from, m.observed_at),
       n.id IS NOT NULL, w.id IS NOT NULL
  FROM nearest n FULL JOIN worded w USING (id) JOIN memories_memory m USING (id)
 WHERE m.org_id = %(org)s
"""  # noqa: S608 - made of constants

EXCERPT_CANDIDATES = f"""
WITH nearest AS MATERIALIZED (
  SELECT id FROM memories_excerpt WHERE {_EXCERPT_PLACE} ORDER BY (embedding <=> %(vector)s::halfvec) + 0 LIMIT %(rows)s
), worded AS MATERIALIZED (
  SELECT id FROM ibex_excerpt_words(%(agent)s, %(users)s, %(roles)s, %(any)s::tsquery,
                                    %(terms)s::text[]::tsquery[], %(weights)s, %(rows)s)
), hit AS MATERIALIZED (
  SELECT e.agent_id, e.session_id, e.turn
    FROM nearest n FULL JOIN worded w USING (id) JOIN memories_excerpt e USING (id)
), beside AS MATERIALIZED (
  SELECT DISTINCT e.id FROM hit h JOIN memories_excerpt e
      ON e.agent_id = h.agent_id AND e.session_id = h.session_id AND e.turn BETWEEN h.turn - 1 AND h.turn + 1
   WHERE e.org_id = %(org)s AND (%(users)s::text[] IS NULL OR e.end_user = ANY(%(users)s))
     AND (e.expires_at IS NULL OR e.expires_at > now()) AND (%(roles)s::text[] IS NULL OR e.role = ANY(%(roles)s))
)
SELECT e.id, coalesce(1 - (e.embedding <=> %(vector)s::halfvec), 0) AS cosine, {_MATCHED.format(row="e")} AS matched,
       e.session_id, e.checkpoint_id, e.tokens, e.said_at, n.id IS NOT NULL, w.id IS NOT NULL, e.turn, e.role, e.speaker
  FROM beside b JOIN memories_excerpt e USING (id) LEFT JOIN nearest n USING (id) LEFT JOIN worded w USING (id)
 WHERE e.org_id = %(org)s
"""  # noqa: S608 - made of constants

MEMORIES = """
SELECT id, agent_id, end_user, content, category, source, status, confidence, usefulness, injection_count,
       extract(epoch FROM observed_at)::float8, extract(epoch FROM valid_from)::float8, tokens, version, is_pinned,
       session_id, checkpoint_id, NULL::int, '', ''
  FROM memories_memory WHERE org_id = %(org)s AND id = ANY(%(ids)s)
"""
EXCERPTS = """
SELECT id, agent_id, end_user, content, 'episodic', '', 'active', 1.0::float8, 0.5::float8, 0,
       extract(epoch FROM said_at)::float8, NULL::float8, tokens, 1, false,
       session_id, checkpoint_id, turn, role, speaker
  FROM memories_excerpt WHERE org_id = %(org)s AND id = ANY(%(ids)s)
"""

TABLES = {"memory": "memories_memory", "excerpt": "memories_excerpt"}
COUNT = """
SELECT count(*) FROM (SELECT 1 FROM {table} WHERE org_id = %(org)s AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
   AND (%(users)s::text[] IS NULL OR end_user = ANY(%(users)s)) LIMIT %(most)s) AS found
"""
SPEAKERS = """
SELECT array_agg(DISTINCT speaker) FROM (SELECT speaker FROM memories_excerpt
 WHERE org_id = %(org)s AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s) AND speaker <> '' LIMIT %(sample)s
) AS found
"""


def sample_of_words(table: str, agent_id: UUID | None) -> str:
    """The statement that counts words in a sample of the newest rows; the policy shows it only the tenant's."""
    agent = f"WHERE agent_id = ''{agent_id}''" if agent_id else ""
    newest = "ORDER BY session_id DESC" if table == TABLES["excerpt"] else "ORDER BY created_at DESC"
    inner = f"SELECT search_text FROM {table} {agent} {newest} LIMIT {SAMPLE_ROWS}"  # noqa: S608 - a table of ours and a UUID
    return f"SELECT word, ndoc FROM ts_stat('{inner}')"  # noqa: S608 - as above


def parameters(query: Query, vector: str, terms: Terms) -> dict[str, Any]:
    """What the candidate statements are given."""
    return place(query) | {
        "statuses": list(query.statuses),
        "categories": list(query.categories) or None,
        "roles": list(query.roles) or None,
        "vector": vector,
        "terms": terms.tsqueries,
        "weights": terms.weights.tolist(),
        "any": terms.any_of,
        "rows": max(ARM_ROWS, query.limit),
    }


def place(query: Query) -> dict[str, Any]:
    """Whose rows: the organization's, of one agent or all, of these end users or all."""
    return {"org": query.org_id, "agent": query.agent_id, "users": users_of(query)}


def users_of(query: Query) -> list[str] | None:
    """The whole agent's memories, and the end user's own; None: everybody's."""
    return None if query.end_user is None else sorted({"", query.end_user})
