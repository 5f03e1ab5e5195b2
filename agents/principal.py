"""Who is calling, as the request path carries it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agents.limits import UNLIMITED, Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """A verified token. `agent_id`: bound to that agent only."""

    token_id: UUID
    org_id: UUID
    agent_id: UUID | None
    scopes: frozenset[str]
    expires_at: datetime | None
    org_active: bool
    org_limits: Limits = UNLIMITED
    token_limits: Limits = UNLIMITED


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentCard:
    """What the request path needs to know of an agent."""

    id: UUID
    org_id: UUID
    slug: str
    name: str
    status: str
    injection_mode: str
    memory_tokens: int
    learns: bool
    remembers: bool
    shadows: bool = False
    """Memories are chosen and recorded, and kept out of the prompt."""
    holdout_share: float = 0.0
    """Of its sessions, those answered without memories; see `agents.holdout`."""
    trusts_body_user: bool
    idle_minutes: int | None
    quotes: bool = True
    """Excerpts may be put into its prompts."""
    locale: str = ""
    """Of the words around its memories; empty: the organization's."""
    org_wording: str = ""
    """`Organization.wording` as JSON text."""
    limits: Limits = UNLIMITED
