"""POST /v1/embeddings: authenticated, limited and forwarded as it came; no memory."""

from __future__ import annotations

from proxy import pipeline
from proxy.consumers import HttpConsumer, passed_on
from proxy.forward import forward
from proxy.record import record_call
from proxy.routes import upstreams_for
from proxy.schema import check_embeddings
from proxy.spending import usage_of_embeddings
from proxy.switches import read_switches
from proxy.turn import PROVIDER_STAGE, Turn
from proxy.turn_start import read_turn_start

EMBEDDINGS_PATH = "/embeddings"


class Embeddings(HttpConsumer):
    methods = ("POST",)
    endpoint = "embeddings"

    async def answer(self, turn: Turn) -> None:
        with turn.stage("validate"):
            turn.payload = pipeline.read_body(turn.incoming)
            check_embeddings(turn.payload)
        principal, agent = await pipeline.identify(turn)
        with turn.stage("route"):
            turn.upstreams = await upstreams_for(agent.org_id, turn.model)
        with turn.stage("start"):
            turn.switches = read_switches(turn.incoming.headers, turn.payload, trusts_body_user=agent.trusts_body_user)
            turn.start = await read_turn_start(turn, principal, agent)
        answer = await forward(turn, EMBEDDINGS_PATH, turn.incoming.body)
        with turn.stage(PROVIDER_STAGE):
            body = await answer.read()
        await record_call(turn, answer.status, usage=usage_of_embeddings(turn, body))
        await self.respond(answer.status, body, passed_on(answer) | turn.headers())
