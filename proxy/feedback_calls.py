"""POST /v1/feedback: an application says whether an answer, or a memory in it, was useful."""

from __future__ import annotations

from functools import partial

import orjson

from agents.choices import Scope
from context.feedback import Ballot, give
from context.verdicts import given_as_json, read_verdict
from proxy import pipeline
from proxy.caught_up import once_written
from proxy.in_vault import in_vault
from proxy.turn import Turn
from proxy.vault_calls import VAULT_STAGE, VaultCall


class FeedbackCalls(VaultCall):
    methods = ("POST",)
    endpoint = "feedback"

    async def answer(self, turn: Turn) -> None:
        with turn.stage("validate"):
            verdict = read_verdict(pipeline.read_body(turn.incoming))
        principal, agent = await self.admit(turn, Scope.MEMORY_WRITE)
        ballot = Ballot(org_id=agent.org_id, actor=f"token:{principal.token_id}", agent_id=agent.id, **verdict)
        with turn.stage(VAULT_STAGE):
            vote = partial(in_vault, agent.org_id, partial(give, ballot), peer=self.scope.get("client"))
            given = await once_written(vote)
        await self.reply(turn, 201 if given.is_new else 200, orjson.dumps(given_as_json(given)))
