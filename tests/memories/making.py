"""Drafts, memories and turns for tests, made the way the product makes them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from agents.models import Agent, Checkpoint, Session
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from memories import excerpts
from memories.choices import Category, Source
from memories.models import Memory
from memories.refinement.draft import Draft, Outcome
from memories.refinement.pipeline import refine

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def draft(agent: Agent, content: str, **fields: Any) -> Draft:
    """A draft of `agent` as extraction would make it."""
    given: dict[str, Any] = {
        "category": Category.FACTUAL,
        "source": Source.EXTRACTED,
        "observed_at": NOON,
        "actor": "extraction",
    }
    return Draft(org_id=agent.org_id, agent_id=agent.pk, content=content, **(given | fields))


def remember(agent: Agent, content: str, **fields: Any) -> Memory:
    """A stored memory."""
    return memory_of(agent, refine(draft(agent, content, **fields)))


def memory_of(agent: Agent, outcome: Outcome) -> Memory:
    """The memory an outcome speaks of, as it is in the vault."""
    with scope(agent.org_id):
        return Memory.objects.get(pk=outcome.memory_id)


def memories_of(agent: Agent) -> list[Memory]:
    """Every row of the agent, the oldest first."""
    with scope(agent.org_id):
        return list(Memory.objects.filter(agent=agent).order_by("created_at", "pk"))


def versions_of(memory: Memory) -> list[tuple[str, str]]:
    """Operation and reason of every version, the oldest first."""
    with scope(memory.org_id):
        return list(memory.versions.order_by("number").values_list("operation", "reason"))


def make_session(agent: Agent, **fields: Any) -> Session:
    """An open session."""
    with scope(agent.org_id):
        return Session.objects.create(
            org_id=agent.org_id,
            agent=agent,
            started_at=NOON,
            last_turn_at=NOON,
            external_id=secrets.token_hex(6),
            **fields,
        )


def say(session: Session, user_text: str, assistant_text: str = "Noted.", **fields: Any) -> Checkpoint:
    """The session's next turn."""
    with scope(session.org_id):
        number = Checkpoint.objects.filter(session=session).count() + 1
        moment = fields.pop("said_at", NOON + timedelta(minutes=number))
        name = fields.pop("name", "")
        return Checkpoint.objects.create(
            org_id=session.org_id,
            agent_id=session.agent_id,
            session=session,
            number=number,
            turn_id=uuid7(),
            end_user=fields.pop("end_user", session.end_user),
            messages=[{"role": "user", "content": user_text} | ({"name": name} if name else {})],
            user_text=user_text,
            assistant_text=assistant_text,
            said_at=moment,
            finished_at=moment,
            **fields,
        )


def pointer_of(session: Session) -> int:
    """How far the session was mined."""
    with scope(session.org_id):
        return Session.objects.get(pk=session.pk).last_extracted_turn


def ids(memories: list[Memory]) -> list[UUID]:
    """Their ids."""
    return [memory.pk for memory in memories]


def keep(agent: Agent, turns: list) -> None:
    """The excerpts of turns."""
    prepared = excerpts.prepare(turns)
    with scope(agent.org_id):
        excerpts.keep(prepared)
