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
    INSERT INTO context_injection (id, org_id, created_at, agent_id, turn_id, memory_id, memory_version, rank, score,
                                   components, arm, tokens, is_packed, reason)
    SELECT line.id, memory.org_id, now(), line.agent, line.turn, memory.id, line.version, line.rank, line.score,
           line.components, line.arm, line.tokens, line.is_packed, line.reason
      FROM jsonb_to_recordset(%s::jsonb) AS line(id uuid, agent uuid, turn uuid, memory_id uuid, version int, rank int,
           score float8, components jsonb, arm text, tokens int, is_packed bool, reason text)
      JOIN memories_memory memory ON memory.org_id = %s AND memory.id = line.memory_id AND memory.agent_id = line.agent
        ON CONFLICT DO NOTHING
    RETURNING memory_id, is_packed, arm
"""


def keep(org_id: UUID, turns: Iterable[TurnReceipt]) -> list[UUID]:
    """Write the receipts of turns of one organization, inside the caller's scope and transaction, in one statement.

    Lines about memories that are no longer there, or are not that agent's, are left out; a receipt that is written
    already stays as it is. Returns the memories that were put into a prompt, once for each time; those of replayed
    blocks were counted when they were new.
    """
    lines = [
        {"id": uuid7(), "agent": agent_id, "turn": turn_id, **line}
        for agent_id, turn_id, said in turns
        for line in said
    ]
    if not lines:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [orjson.dumps(lines).decode(), org_id])
        return [memory_id for memory_id, is_packed, arm in cursor.fetchall() if is_packed and arm != Arm.REPLAYED]
