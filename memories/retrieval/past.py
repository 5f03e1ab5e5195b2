"""What an agent knew at a moment: its memories in the versions that they had, and what it had heard, as copies that
search can read.

A memory was known when its latest version of then was active, valid and not deleted. Vectors of words that stand
unchanged are those of the row; words that were changed since are embedded again with the model that serves now. How
useful a memory was and how often it had been shown is not versioned: it is today's, unless the caller knows better.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from ibex.core.tokens import count
from memories.choices import Operation, Status
from memories.retrieval.arriving import Arrived
from memories.retrieval.drive import drive_sync
from memories.retrieval.held import Held, held_of
from memories.retrieval.in_memory import search_held
from memories.retrieval.near import as_sent
from memories.retrieval.perspective import first_person
from memories.retrieval.query import PROMPT_EXCERPT_TOKENS, Arm, Found, Query
from memories.retrieval.search import read_lexemes
from memories.slots import serving

_SAID = "v.snapshot->>'{}'"
_WHEN = "(v.snapshot->>'{}')::timestamptz"
_KNEW = f"""
SELECT m.id, m.agent_id, {_SAID.format("end_user")}, {_SAID.format("content")}, {_SAID.format("category")},
       {_SAID.format("source")}, '{Status.ACTIVE}', ({_SAID.format("confidence")})::float8, m.usefulness,
       m.injection_count, extract(epoch FROM {_WHEN.format("observed_at")})::float8,
       extract(epoch FROM {_WHEN.format("valid_from")})::float8, m.tokens, v.number,
       ({_SAID.format("is_pinned")})::bool, m.session_id, m.checkpoint_id, NULL::int, '', '',
       coalesce(({_SAID.format("by_operator")})::bool, false),
       CASE WHEN {_SAID.format("content")} = m.content AND m.{{model_column}} = %(model)s
            THEN halfvec_send(m.{{column}}) END,
       tsvector_to_array(to_tsvector('english', {_SAID.format("content")})),
       coalesce({_WHEN.format("valid_from")}, {_WHEN.format("observed_at")}), NULL::float8
  FROM memories_memory m
  JOIN LATERAL (
    SELECT number, operation, snapshot FROM memories_memoryversion
     WHERE org_id = m.org_id AND memory_id = m.id AND created_at <= %(moment)s ORDER BY number DESC LIMIT 1
  ) v ON v.operation <> '{Operation.DELETED}' AND {_SAID.format("status")} = '{Status.ACTIVE}'
 WHERE m.org_id = %(org)s AND m.agent_id = %(agent)s AND {_SAID.format("end_user")} = ANY(%(users)s)
   AND coalesce({_WHEN.format("expires_at")} > %(moment)s, true)
   AND coalesce({_WHEN.format("valid_until")} > %(moment)s, true)
 ORDER BY m.id
"""  # noqa: S608 - constants only
_CONTENT, _USEFULNESS, _INJECTIONS, _TOKENS, _VECTOR = 3, 8, 9, 12, 21
_HEARD = f"""
SELECT id, agent_id, end_user, content, 'episodic', '', 'active', 1.0::float8, 0.5::float8, 0,
       extract(epoch FROM said_at)::float8, NULL::float8, tokens, 1, false, session_id, checkpoint_id, turn, role,
       speaker, false, CASE WHEN {{model_column}} = %(model)s THEN halfvec_send({{column}}) END,
       tsvector_to_array(search_text), said_at, NULL::float8
  FROM memories_excerpt
 WHERE org_id = %(org)s AND agent_id = %(agent)s AND end_user = ANY(%(users)s) AND created_at <= %(moment)s
   AND tokens <= {PROMPT_EXCERPT_TOKENS} AND coalesce(expires_at > %(moment)s, true)
"""  # noqa: S608 - constants only


@dataclass(frozen=True, kw_only=True, slots=True)
class Bookkeeping:
    """What a receipt noted of a memory, and no version keeps."""

    usefulness: float
    injections: int


def knew(org_id: UUID, agent_id: UUID, end_user: str, moment: datetime, noted: Mapping[UUID, Bookkeeping]) -> Held:
    """Every memory that a prompt of that moment could hold. Inside the caller's scope; `noted`: instead of today's."""
    current = serving()
    given: dict[str, Any] = {
        "org": org_id,
        "agent": agent_id,
        "users": sorted({"", end_user}),
        "moment": moment,
        "model": current.slot.model,
    }
    with connection.cursor() as cursor:
        cursor.execute(_KNEW.format(column=current.slot.column, model_column=current.slot.model_column), given)
        rows = [list(row) for row in cursor.fetchall()]
    changed = [row for row in rows if row[_VECTOR] is None]
    vectors = current.embed([first_person(row[_CONTENT]) for row in changed]) if changed else ()
    for row, vector in zip(changed, vectors, strict=True):
        row[_VECTOR] = as_sent(vector)
        row[_TOKENS] = count(row[_CONTENT])
    for row in rows:
        said = noted.get(row[0])
        if said is not None:
            row[_USEFULNESS], row[_INJECTIONS] = said.usefulness, said.injections
    return held_of([Arrived.of(row) for row in rows], cuts=(), slot=current.slot, read_at=time.monotonic())


def heard(org_id: UUID, agent_id: UUID, end_user: str, moment: datetime) -> Held:
    """Every excerpt of then that is still kept. Inside the caller's scope."""
    slot = serving().slot
    given: dict[str, Any] = {
        "org": org_id,
        "agent": agent_id,
        "users": sorted({"", end_user}),
        "moment": moment,
        "model": slot.model,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HEARD.format(column=slot.column, model_column=slot.model_column), given)
        rows = [Arrived.of(row) for row in cursor.fetchall()]
    return held_of(rows, cuts=(), slot=slot, read_at=time.monotonic(), kind="excerpt")


def search_past(held: Held, query: Query) -> list[Found]:
    """What an exact search would have found in it, best first. Inside the caller's scope."""
    if not held.rows:
        return []
    vector = serving().embed([first_person(query.text, held.speakers)])[0]
    return search_held(held, query, vector, drive_sync(read_lexemes(query.text)))


def all_of(held: Held) -> Sequence[Found]:
    """Every memory of a copy, by id, without scores."""
    nothing: dict[str, Any] = {"cosine": 0.0, "text_rank": 0.0, "relevance": 0.0, "score": 0.0}
    return [Found.of(row, kind="memory", arm=Arm.CONTEXT, **nothing) for row in held.rows]
