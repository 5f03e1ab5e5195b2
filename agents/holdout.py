"""Which sessions of an agent are held out: answered without memories, so that it can be seen what memories do.

A keyed hash puts each session at a place between 0 and 1; those below the agent's share are held out. So nobody
chooses, a session stays where it is as long as the share does, and a greater share only adds sessions.
"""

from __future__ import annotations

from uuid import UUID

from agents.principal import AgentCard
from ibex.core.crypto import keyed_hash

_PLACE_BYTES = 6
"""48 bits: more than a float would round up to 1."""
_PLACES = 1 << 8 * _PLACE_BYTES


def share_of(agent: AgentCard) -> float:
    """The share of sessions that is held out now. An agent that shows nobody memories has nothing to hold out."""
    return agent.holdout_share if agent.remembers and not agent.shadows else 0.0


def is_held_out(agent: AgentCard, session_id: UUID) -> bool:
    """Whether this session is answered without memories. Some microseconds, and none where the share is 0."""
    share = share_of(agent)
    return share > 0 and place_of(agent.id, session_id) < share


def place_of(agent_id: UUID, session_id: UUID) -> float:
    """Where a session stands among those of its agent: evenly spread over [0, 1), the same every time."""
    digest = keyed_hash("holdout", f"{agent_id}:{session_id}")
    return int.from_bytes(digest[:_PLACE_BYTES]) / _PLACES
