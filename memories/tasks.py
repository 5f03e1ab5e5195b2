"""What workers do: mine turns for memories, and build the indexes of large agents."""

from __future__ import annotations

from uuid import UUID

from memories import slots
from memories.mining.work import mine_session
from memories.retrieval import indexes


def extract_session(org_id: str, session_id: str) -> None:
    """Mine the turns of a session that were not mined yet; safe beside other workers, and twice."""
    mine_session(UUID(org_id), UUID(session_id))


def index_agent(kind: str, agent_id: str) -> None:
    """Build the search indexes of one large agent."""
    for slot in slots.in_use():
        indexes.build(kind, UUID(agent_id), slot)


def drop_indexes_of(kind: str, agent_id: str) -> None:
    """Remove the search indexes of an agent that is large no more, or gone."""
    for slot in slots.in_use():
        indexes.drop(kind, UUID(agent_id), slot)
