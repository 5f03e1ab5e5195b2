"""POST /v1/feedback: an application says whether an answer, or a memory in it, was useful."""

from __future__ import annotations

from functools import partial

import orjson
from rest_framework.exceptions import ValidationError

from agents.choices import Scope
from context.api.serializers import GivenSerializer, NewFeedbackSerializer
from context.feedback import Ballot, give
from ibex.core.envelope import field_errors
from ibex.core.errors import InvalidRequest
from proxy import pipeline
from proxy.caught_up import once_written
from proxy.consumers import HttpConsumer
from proxy.in_vault import in_vault
from proxy.record import record_call
from proxy.session_calls import VAULT_STAGE
from proxy.turn import Turn


class FeedbackCalls(HttpConsumer):
    methods = ("POST",)
    endpoint = "feedback"

    async def answer(self, turn: Turn) -> None:
        with turn.stage("validate"):
            serializer = NewFeedbackSerializer(data=pipeline.read_body(turn.incoming))
            try:
                serializer.is_valid(raise_exception=True)
            except ValidationError as error:
                raise InvalidRequest(field_errors=list(field_errors(error.detail))) from None
        principal, agent = await pipeline.identify(turn, {Scope.MEMORY_WRITE})
        ballot = Ballot(
            org_id=agent.org_id, actor=f"token:{principal.token_id}", agent_id=agent.id, **serializer.ballot_fields
        )
        with turn.stage(VAULT_STAGE):
            vote = partial(in_vault, agent.org_id, partial(give, ballot), peer=self.scope.get("client"))
            given = await once_written(vote)
        status = 201 if given.is_new else 200
        await record_call(turn, status)
        await self.respond(status, orjson.dumps(GivenSerializer(given).data), turn.headers())
