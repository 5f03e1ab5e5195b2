"""Keeping receipts: what the drain writes of each turn's assembly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from context.values import Arm
from ibex.core.ids import uuid7

TurnReceipt = tuple[UUID, UUID, Sequence[Mapping[str, Any]]]
"""(agent, turn, `context.values.Considered.as_json` of each line)."""

# A turn has some thirty lines. As JSON they cost the drain a tenth of what as many model instances do.
_WRITE = """
    INSERT INTO context_injection (id, org_id, created_at, agent_id, turn_id, memory_id, excerpt_id, memory_version,
                                   rank, score, components, arm, tokens, is_packed, reason, vector_rank, word_rank,
                                   hot_rank)
    SELECT line.id, %(org)s, now(), line.agent, line.turn, memory.id, excerpt.id, line.version,
           line.rank, line.score, line.components, line.arm, line.tokens, line.is_packed, line.reason,
           line.vector_rank, line.word_rank, line.hot_rank
      FROM jsonb_to_recordset(%(lines)s::jsonb) AS line(id uuid, agent uuid, turn uuid, memory_id uuid, excerpt_id uuid,
           version int, rank int, score float8, components jsonb, arm text, tokens int, is_packed bool, reason text,
           vector_rank int, word_rank int, hot_rank int)
      LEFT JOIN memories_memory memory
        ON memory.org_id = %(org)s AND memory.id = line.memory_id AND memory.agent_id = line.agent
      LEFT JOIN memories_excerpt excerpt
        ON excerpt.org_id = %(org)s AND excerpt.id = line.excerpt_id AND excerpt.agent_id = line.agent
     WHERE num_nonnulls(memory.id, excerpt.id) = 1
        ON CONFLICT DO NOTHING
    RETURNING memory_id, is_packed, arm
"""

AssemblyTold = tuple[UUID, UUID, UUID | None, str, Mapping[str, Any]]
"""(agent, turn, its session if it was answered, end user, `context.told.told`)."""

_COLUMNS = {
    "agent_id": "uuid",
    "turn_id": "uuid",
    "end_user": "text",
    "mode": "text",
    "level": "int",
    "missing": "text[]",
    "cold_desk": "text[]",
    "directive_version": "int",
    "budget": "jsonb",
    "placement": "text",
    "joins_blocks": "bool",
    "message_count": "int",
    "wording": "text",
    "block_anchor": "text",
    "block_nonce": "text",
    "block_tokens": "int",
    "block_digest": "text",
    "forgotten": "text[]",
}
_UNSAID = {"wording": "", "block_anchor": "", "block_nonce": "", "block_tokens": 0, "block_digest": ""}
_WRITE_ASSEMBLIES = f"""
    INSERT INTO context_assembly (id, org_id, created_at, assembled_at, session_id, {", ".join(_COLUMNS)})
    SELECT told.id, %s, now(), to_timestamp(told.assembled_at), session.id, {", ".join(f"told.{c}" for c in _COLUMNS)}
      FROM jsonb_to_recordset(%s::jsonb) AS told(id uuid, assembled_at float8, session_id uuid,
           {", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
      LEFT JOIN agents_session session ON session.org_id = %s AND session.id = told.session_id
        ON CONFLICT DO NOTHING
"""  # noqa: S608 - names of ours


def keep_assemblies(org_id: UUID, told: Iterable[AssemblyTold]) -> None:
    """Write how the contexts of turns came about, inside the caller's scope and transaction, in one statement.

    What is written already stays as it is. What a process of a later version tells besides is left out.
    """
    rows = [
        _UNSAID
        | {name: value for name, value in said.items() if name in _COLUMNS or name == "assembled_at"}
        | {"id": uuid7(), "agent_id": agent_id, "turn_id": turn_id, "session_id": session_id, "end_user": end_user}
        for agent_id, turn_id, session_id, end_user, said in told
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_ASSEMBLIES, [org_id, orjson.dumps(rows).decode(), org_id])


def keep(org_id: UUID, turns: Iterable[TurnReceipt]) -> list[UUID]:
    """Write the receipts of turns of one organization, inside the caller's scope and transaction, in one statement.

    Lines about memories and excerpts that are no longer there, or are not that agent's, are left out; a receipt that is
    written already stays as it is. Returns the memories that were put into a prompt, once for each time; those of
    replayed blocks were counted when they were new.
    """
    lines = [
        {"id": uuid7(), "agent": agent_id, "turn": turn_id, **line}
        for agent_id, turn_id, said in turns
        for line in said
    ]
    if not lines:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, {"lines": orjson.dumps(lines).decode(), "org": org_id})
        kept = cursor.fetchall()
    return [memory_id for memory_id, is_packed, arm in kept if memory_id and is_packed and arm != Arm.REPLAYED]
