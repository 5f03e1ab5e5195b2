"""Keeping receipts: what the drain writes of each turn's assembly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from context.models import Injection
from memories.models import Memory


class Receipt(Protocol):
    """What of a journal entry concerns assembly. Ids are UUIDs or their text."""

    @property
    def org_id(self) -> str | UUID: ...
    @property
    def agent_id(self) -> str | UUID: ...
    @property
    def turn_id(self) -> str | UUID: ...
    @property
    def considered(self) -> Sequence[Mapping[str, Any]]:
        """`context.values.Considered.as_json` of each line."""
        ...


def injection_rows(receipt: Receipt, *, using: str | None = None) -> list[Injection]:
    """The unsaved rows of one turn, for memories that still exist and are of the same organization and agent.

    `using` is the database alias that the caller's transaction is on.
    """
    if not receipt.considered:
        return []
    org_id, agent_id, turn_id = UUID(str(receipt.org_id)), UUID(str(receipt.agent_id)), UUID(str(receipt.turn_id))
    lines = {UUID(str(line["memory_id"])): line for line in receipt.considered}
    known = Memory.objects.using(using).of(org_id).filter(agent_id=agent_id, id__in=list(lines))
    return [
        _row(org_id, agent_id, turn_id, memory_id, lines[memory_id]) for memory_id in known.values_list("id", flat=True)
    ]


def _row(org_id: UUID, agent_id: UUID, turn_id: UUID, memory_id: UUID, line: Mapping[str, Any]) -> Injection:
    return Injection(
        org_id=org_id,
        agent_id=agent_id,
        turn_id=turn_id,
        memory_id=memory_id,
        memory_version=line["version"],
        rank=line["rank"],
        score=line["score"],
        components=line["components"],
        arm=line["arm"],
        tokens=line["tokens"],
        is_packed=line["is_packed"],
        reason=line["reason"],
    )
