"""Keeping receipts: what the drain writes of each turn's assembly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from context.models import Injection
from memories.models import Memory

TurnReceipt = tuple[UUID, UUID, Sequence[Mapping[str, Any]]]
"""(agent, turn, `context.values.Considered.as_json` of each line)."""


def injections_of(org_id: UUID, turns: Iterable[TurnReceipt]) -> list[Injection]:
    """Write the receipts of turns of one organization, inside the caller's scope and transaction.

    Lines about memories that are no longer there, or are not that agent's, are left out; a receipt that is written
    already stays as it is. Returns the rows. Two queries, however many turns.
    """
    turns = list(turns)
    named = {UUID(line["memory_id"]) for _, _, lines in turns for line in lines}
    if not named:
        return []
    owners = dict(Memory.objects.of(org_id).filter(pk__in=named).values_list("pk", "agent_id"))
    rows = [
        _row(org_id, agent_id, turn_id, line)
        for agent_id, turn_id, lines in turns
        for line in lines
        if owners.get(UUID(line["memory_id"])) == agent_id
    ]
    return Injection.objects.bulk_create(rows, ignore_conflicts=True)


def _row(org_id: UUID, agent_id: UUID, turn_id: UUID, line: Mapping[str, Any]) -> Injection:
    return Injection(
        org_id=org_id,
        agent_id=agent_id,
        turn_id=turn_id,
        memory_id=UUID(line["memory_id"]),
        memory_version=line["version"],
        rank=line["rank"],
        score=line["score"],
        components=line["components"],
        arm=line["arm"],
        tokens=line["tokens"],
        is_packed=line["is_packed"],
        reason=line["reason"],
    )
