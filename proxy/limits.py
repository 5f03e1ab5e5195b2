"""Requests per minute of the organization, the agent and the token: a sliding window over two counters."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from agents.principal import AgentCard, Principal
from ibex.core.errors import RateLimited
from ibex.core.redis import org_key

WINDOW_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """How many calls one subject may make in a window."""

    key: str
    allowed: int

    def keys(self, now: float) -> tuple[str, str]:
        """The counters of this window and of the last."""
        window = int(now // WINDOW_S)
        return f"{self.key}:{window}", f"{self.key}:{window - 1}"


def limits_of(principal: Principal, agent: AgentCard) -> list[Limit]:
    """The limits a call counts against, the widest first."""
    org = agent.org_id
    subjects = [
        (org_key(org, "limit", "org"), principal.org_limit),
        (org_key(org, "limit", "agent", agent.id), agent.limit),
        (org_key(org, "limit", "token", principal.token_id), principal.token_limit),
    ]
    return [Limit(key=key, allowed=allowed) for key, allowed in subjects if allowed is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Where the tightest limit stands after this call."""

    allowed: int
    remaining: int
    is_refused: bool = False

    @classmethod
    def unknown(cls) -> Usage:
        """Redis did not say: nobody is refused."""
        return cls(allowed=0, remaining=0)

    @classmethod
    def of(cls, limits: Sequence[Limit], used: Sequence[int], *, refused: int) -> Usage:
        """`used` counts the calls before this one; `refused` is the number of the limit that is full, from 1, or 0."""
        if refused:
            return cls(allowed=limits[refused - 1].allowed, remaining=0, is_refused=True)
        left = [(limit.allowed - calls - 1, limit.allowed) for limit, calls in zip(limits, used, strict=True)]
        remaining, allowed = min(left)
        return cls(allowed=allowed, remaining=max(remaining, 0))

    def check(self) -> None:
        """Raise RateLimited when a limit is full."""
        if self.is_refused:
            raise RateLimited(headers={**self.headers(), "Retry-After": str(_seconds_left())})

    def headers(self) -> dict[str, str]:
        """X-RateLimit-Limit, -Remaining and -Reset (seconds until the window turns); none when unknown."""
        if not self.allowed:
            return {}
        return {
            "X-RateLimit-Limit": str(self.allowed),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(_seconds_left()),
        }


def _seconds_left() -> int:
    return max(1, math.ceil(WINDOW_S - time.time() % WINDOW_S))
