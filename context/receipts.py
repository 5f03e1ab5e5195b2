"""Keeping receipts: what the drain writes of each turn's assembly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from context.values import Considered
from ibex.core.ids import uuid7

Lines = Sequence[Sequence[Any]]
"""`context.lines.stored` of each line of a receipt."""
TurnReceipt = tuple[UUID, UUID, Lines]
"""(agent, turn, its lines)."""

# One JSON of a batch costs the drain a tenth of what as many model instances do.
_WRITE = """
    INSERT INTO context_injection (id, org_id, created_at, turn_id, memory_id, excerpt_id, memory_version, rank, score,
                                   components, arm, tokens, is_packed, reason)
    SELECT line.id, %(org)s, now(), line.turn, memory.id, excerpt.id, line.version, line.rank, line.score,
           '{}', line.arm, line.tokens, true, ''
      FROM json_to_recordset(%(lines)s::json) AS line(id uuid, agent uuid, turn uuid, memory uuid, excerpt uuid,
           version int, rank int, score float8, arm text, tokens int)
      LEFT JOIN memories_memory memory
        ON memory.org_id = %(org)s AND memory.id = line.memory AND memory.agent_id = line.agent
      LEFT JOIN memories_excerpt excerpt
        ON excerpt.org_id = %(org)s AND excerpt.id = line.excerpt AND excerpt.agent_id = line.agent
     WHERE num_nonnulls(memory.id, excerpt.id) = 1
        ON CONFLICT DO NOTHING
"""

AssemblyTold = tuple[UUID, UUID, UUID | None, str, Mapping[str, Any], Lines]
"""(agent, turn, its session if it was answered, end user, `context.told.told`, its lines)."""

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
    "lines": "jsonb",
}
_UNSAID = {"wording": "", "block_anchor": "", "block_nonce": "", "block_tokens": 0, "block_digest": ""}
_WRITE_ASSEMBLIES = f"""
    INSERT INTO context_assembly (id, org_id, created_at, assembled_at, session_id, {", ".join(_COLUMNS)})
    SELECT told.id, %s, now(), to_timestamp(told.assembled_at), session.id, {", ".join(f"told.{c}" for c in _COLUMNS)}
      FROM json_to_recordset(%s::json) AS told(id uuid, assembled_at float8, session_id uuid,
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
        | {"lines": lines}
        for agent_id, turn_id, session_id, end_user, said, lines in told
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_ASSEMBLIES, [org_id, orjson.dumps(rows).decode(), org_id])


def keep(org_id: UUID, turns: Iterable[TurnReceipt]) -> None:
    """Write what was put into the prompts of turns of one organization, inside the caller's scope and transaction, in
    one statement.

    Lines about memories and excerpts that are no longer there, or are not that agent's, are left out; an injection
    that is written already stays as it is.
    """
    rows = [row for agent_id, turn_id, lines in turns for row in _packed(agent_id, turn_id, lines)]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, {"lines": orjson.dumps(rows).decode(), "org": org_id})


def _packed(agent_id: UUID, turn_id: UUID, lines: Lines) -> Iterator[dict[str, Any]]:
    first = uuid7().int
    for place, line in enumerate(lines):
        said = Considered.from_row(line)
        if said.is_packed:
            yield {
                "id": UUID(int=first + place),
                "agent": agent_id,
                "turn": turn_id,
                "memory": said.memory_id,
                "excerpt": said.excerpt_id,
                "version": said.version,
                "rank": said.rank,
                "score": said.score,
                "arm": said.arm,
                "tokens": said.tokens,
            }
