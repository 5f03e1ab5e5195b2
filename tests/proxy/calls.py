"""Calls without a server and without a provider: as far as limits and counters see them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from agents.limits import UNLIMITED, Limits
from agents.principal import AgentCard, Principal
from ibex.providers.base import Upstream, Usage
from ibex.providers.sse import ChatOutcome
from proxy.record import record_answer
from proxy.switches import read_switches
from proxy.turn import Incoming, Turn
from proxy.turn_start import read_turn_start

NOW = 1_795_305_630.0
"""22 November 2026, 00:00:30 UTC: in the middle of a minute."""
MONTH_LEFT_S = 777_570
"""Until 1 December, 00:00 UTC."""
CLOCKS = ("proxy.turn_start.time", "proxy.limits.time", "proxy.spending.time", "proxy.budgets.time")


def set_clock(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    """What the limits take for the time, everywhere."""
    for clock in CLOCKS:
        monkeypatch.setattr(clock, SimpleNamespace(time=lambda: now))


@dataclass(frozen=True)
class Caller:
    """A token and the agent it calls."""

    principal: Principal
    card: AgentCard

    def limited(self, kind: str, **limits: Any) -> Caller:
        """The same with limits on its organization, agent or token, and on nothing else."""
        own = Limits(**limits)
        return Caller(
            replace(
                self.principal,
                org_limits=own if kind == "organization" else UNLIMITED,
                token_limits=own if kind == "token" else UNLIMITED,
            ),
            replace(self.card, limits=own if kind == "agent" else UNLIMITED),
        )

    async def begin(self, began_at: float = NOW, **payload: Any) -> Turn:
        """A call up to the limits. Raises RateLimited."""
        turn = Turn.begin(Incoming(method="POST", path="/", headers={}, body=b""), "test")
        turn.payload = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]} | payload
        turn.began_at = began_at
        turn.principal, turn.agent = self.principal, self.card
        turn.switches = read_switches({}, turn.payload, trusts_body_user=True)
        turn.start = await read_turn_start(turn, self.principal, self.card)
        return turn

    async def spend(self, tokens: int, *, began_at: float = NOW, upstream: Upstream | None = None) -> Turn:
        """A whole call that the provider says has used so many tokens, most of them of the prompt."""
        turn = await self.begin(began_at)
        turn.upstream = upstream
        usage = Usage(prompt_tokens=tokens - 1, completion_tokens=1)
        await record_answer(turn, ChatOutcome(text="Fine.", is_complete=True, usage=usage))
        return turn
