"""Who calls the REST API. On its own, because the framework loads who authenticates before its views exist."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """`request.auth`, whether a token or a signed-in operator. `agent_id`: bound to this agent only."""

    org_id: UUID
    actor: str
    scopes: frozenset[str]
    agent_id: UUID | None = None
    operator_id: UUID | None = None
    expires_at: datetime | None = None
    is_authenticated: ClassVar[bool] = True
