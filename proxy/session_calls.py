"""/v1/sessions/{id} and its end. The id is IBEX's own, or the application's."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import orjson

from agents.choices import Scope
from agents.models import Session
from agents.models.session import EXTERNAL_ID_MAX
from agents.principal import AgentCard
from agents.selectors import SESSION_FIELDS, session_named
from agents.services import sessions
from ibex.core.errors import NotFound
from proxy.caught_up import once_written
from proxy.in_vault import in_vault
from proxy.turn import Turn
from proxy.vault_calls import VAULT_STAGE, VaultCall


class OneSession(VaultCall):
    """GET /v1/sessions/{id}."""

    endpoint = "sessions"
    needs: ClassVar[Scope] = Scope.SESSION_READ

    async def answer(self, turn: Turn) -> None:
        name = self.scope["url_route"]["kwargs"]["session"]
        principal, agent = await self.admit(turn, self.needs)
        if len(name) > EXTERNAL_ID_MAX or not name.isprintable():
            raise NotFound
        act = partial(self.act, agent, name, f"token:{principal.token_id}")
        with turn.stage(VAULT_STAGE):
            session = await once_written(partial(in_vault, agent.org_id, act, peer=self.scope.get("client")))
        shown = {name: getattr(session, name) for name in SESSION_FIELDS}
        await self.reply(turn, 200, orjson.dumps(shown, option=orjson.OPT_UTC_Z))

    def act(self, agent: AgentCard, name: str, actor: str) -> Session | None:
        """The session as the call leaves it, inside its tenant's scope; None when the agent has none of this name."""
        return session_named(agent.org_id, agent.id, name)


class SessionEnd(OneSession):
    """POST /v1/sessions/{id}/complete."""

    methods = ("POST",)
    endpoint = "sessions.complete"
    needs = Scope.SESSION_TERMINATE

    def act(self, agent: AgentCard, name: str, actor: str) -> Session | None:
        session = super().act(agent, name, actor)
        return sessions.complete(session, actor=actor) if session else None
