"""What the addresses that ask the vault have in common: they are identified and limited as calls to a model are."""

from __future__ import annotations

from agents.choices import Scope
from agents.principal import AgentCard, Principal
from proxy import pipeline
from proxy.consumers import HttpConsumer
from proxy.record import record_call
from proxy.turn import Turn
from proxy.turn_start import read_turn_start

VAULT_STAGE = "vault"


class VaultCall(HttpConsumer):
    """One call that is answered from the vault, not by a model. It leaves no trace: it is no turn."""

    limited: dict[str, str]
    """Headers that say how many calls are left."""

    async def admit(self, turn: Turn, scope: Scope) -> tuple[Principal, AgentCard]:
        """Steps 3 to 5: who is asking, for which agent, and whether they may ask so often."""
        principal, agent = await pipeline.identify(turn, {scope})
        with turn.stage("start"):
            start = await read_turn_start(turn, principal, agent)
        self.limited = start.usage.headers()
        return principal, agent

    async def reply(self, turn: Turn, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send a whole answer, JSON or nothing."""
        await record_call(turn, status)
        await self.respond(status, body, turn.headers() | self.limited | (headers or {}))
