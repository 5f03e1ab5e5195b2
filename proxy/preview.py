"""What a call would be sent as, without sending it: the same steps as a real one up to the provider (SPEC section 6).

Nothing is journaled and no injection counted; the session and its fingerprints stay as they are. The messages are those
of a real call at the same moment but for the nonce of a new block, and, where a new session would begin, for what
depends on that session's id.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg

from agents.principal import AgentCard, Principal
from context.values import Assembly, Considered
from ibex.core.errors import ServiceDegraded
from ibex.core.tenancy import async_scope
from proxy import pipeline
from proxy.conversation import SessionRef
from proxy.dialects.base import Dialect
from proxy.dialects.chat import Chat
from proxy.turn import Turn

_CONTENTS = """
    SELECT asked.id, coalesce(version.snapshot->>'content', memory.content), memory.category
      FROM unnest(%(ids)s::uuid[], %(versions)s::int[]) AS asked(id, number)
      JOIN memories_memory memory ON memory.org_id = %(org)s AND memory.agent_id = %(agent)s
       AND memory.id = asked.id AND memory.deleted_at IS NULL
      LEFT JOIN memories_memoryversion version
        ON version.org_id = memory.org_id AND version.memory_id = memory.id AND version.number = asked.number
    UNION ALL
    SELECT id, content, 'episodic' FROM memories_excerpt
     WHERE org_id = %(org)s AND agent_id = %(agent)s AND id = ANY(%(ids)s::uuid[])
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """`shown`: the messages and their receipt, as JSON values; `limits`: headers that say how many calls are left."""

    shown: dict[str, Any]
    limits: dict[str, str]


async def preview(turn: Turn, dialect: Dialect, identity: tuple[Principal, AgentCard] | None = None) -> Preview:
    """What the call in `turn` would be sent as. `identity`: who asks for which agent, where that is known.

    `turn` itself stays a call of which nothing is journaled. Raises what a real call would be refused with.
    """
    looked = replace(turn)
    payload = pipeline.validated(looked, dialect)
    principal, agent = identity or await pipeline.identify(looked)
    looked.principal, looked.agent = principal, agent
    await pipeline.begin(looked, dialect, payload, principal, agent, looks_only=True)
    sent = await pipeline.enriched(looked, dialect, payload)
    assert looked.assembly is not None  # noqa: S101 - these steps filled it in
    assert looked.start is not None  # noqa: S101
    receipt = await _receipt(looked.assembly, looked.start.session, agent)
    shown: dict[str, Any] = {"messages": looked.assembly.messages, "receipt": receipt}
    if not isinstance(dialect, Chat):
        shown["request"] = sent
    return Preview(shown=shown, limits=looked.start.usage.headers())


async def _receipt(assembly: Assembly, session: SessionRef, agent: AgentCard) -> dict[str, Any]:
    budget = assembly.budget
    return {
        "session_id": None if session.is_new else str(session.id),
        "mode": assembly.mode,
        "level": int(assembly.level),
        "is_fallback": assembly.is_fallback,
        "missing": assembly.missing,
        "directive_version": assembly.directive_version,
        "wording": assembly.wording,
        "context_tokens": assembly.context_tokens,
        "memories_injected": assembly.memories_injected,
        "budget": {**asdict(budget), "memory": budget.memory} if budget else None,
        "stages": assembly.stages,
        "candidates": await _candidates(agent, assembly.considered),
    }


async def _candidates(agent: AgentCard, lines: tuple[Considered, ...]) -> list[dict[str, Any]]:
    """Every line of the receipt with what its memory or excerpt says; those that were deleted meanwhile have none."""
    if not lines:
        return []
    given = {
        "ids": [line.id for line in lines],
        "versions": [line.version for line in lines],
        "org": agent.org_id,
        "agent": agent.id,
    }
    try:
        async with async_scope(agent.org_id) as connection:
            rows = await (await connection.execute(_CONTENTS, given)).fetchall()
    except (psycopg.Error, OSError) as error:
        raise ServiceDegraded("The database does not answer right now. Try again in a few seconds.") from error
    said = {row[0]: {"content": row[1], "category": row[2]} for row in rows}
    return [line.as_json() | said[line.id] for line in lines if line.id in said]
