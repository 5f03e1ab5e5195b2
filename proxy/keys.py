"""The Redis keys of an agent's calls, apart for each end user."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from ibex.core.redis import org_key

KEYS_KNOWN = 2_048
"""Agents and their end users whose keys are not put together again with each call; about 1 KiB each."""


class CallKeys(NamedTuple):
    """What a call reads and writes of one agent and end user. A prefix ends where an id or a print follows."""

    directive: str
    hot: str
    hot_of_user: str
    writes: str
    """How often `hot` was written."""
    writes_of_user: str
    sessions: str
    """Prefix: exists while a session is known to be this agent's."""
    fingerprints: str
    """Prefix of known conversations."""
    shown: str
    """Prefix of the memory blocks that a session has been shown; several end users may share a session."""


@lru_cache(maxsize=KEYS_KNOWN)
def keys_of(org_id: UUID, agent_id: UUID, end_user: str) -> CallKeys:
    """Those of one agent's calls for one end user, who may be nobody."""
    return CallKeys(
        directive=org_key(org_id, "directive", agent_id),
        hot=org_key(org_id, "hotdata", agent_id),
        hot_of_user=org_key(org_id, "hotdata", agent_id, "u", end_user),
        writes=org_key(org_id, "hotgen", agent_id),
        writes_of_user=org_key(org_id, "hotgen", agent_id, "u", end_user),
        sessions=org_key(org_id, "session", agent_id, ""),
        fingerprints=org_key(org_id, "fingerprint", agent_id, end_user, ""),
        shown=org_key(org_id, "shown", agent_id, end_user, ""),
    )
