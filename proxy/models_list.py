"""GET /v1/models, the union of what the organization's providers serve; and the answer for unknown addresses."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from agents.authentication import authenticate, require
from agents.choices import PROXY_SCOPES
from ibex.core.errors import NotFound
from ibex.providers.base import ProviderCall
from ibex.providers.errors import ProviderError
from ibex.providers.registry import provider_for
from proxy.consumers import HttpConsumer
from proxy.routes import Route, routes_of
from proxy.turn import PROVIDER_STAGE, Turn


class Models(HttpConsumer):
    """A provider that does not answer is left out; its named models are listed all the same."""

    endpoint = "models"

    async def answer(self, turn: Turn) -> None:
        principal = await authenticate(turn.incoming.headers.get("authorization", ""))
        require(principal, PROXY_SCOPES)
        routes = await routes_of(principal.org_id)
        with turn.stage(PROVIDER_STAGE):
            lists = await asyncio.gather(*(_models_of(route) for route in routes))
        union = {model["id"]: model for models in reversed(lists) for model in models}
        body = orjson.dumps({"object": "list", "data": sorted(union.values(), key=lambda model: str(model["id"]))})
        await self.respond(200, body, turn.headers())


class Unknown(HttpConsumer):
    """Any other address under /v1."""

    methods = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
    endpoint = "unknown"

    async def answer(self, turn: Turn) -> None:
        raise NotFound


async def _models_of(route: Route) -> list[dict[str, Any]]:
    named = [_model(name, route) for name in route.patterns if "*" not in name]
    call = ProviderCall(path="/models", method="GET")
    try:
        answer = await provider_for(route.upstream.kind).send(route.upstream, call)
        listed = orjson.loads(await answer.read()) if answer.status == 200 else {}
    except (ProviderError, orjson.JSONDecodeError):
        return named
    found = listed.get("data") if isinstance(listed, dict) else None
    models = [m for m in found or [] if isinstance(m, dict) and isinstance(m.get("id"), str)]
    return named + [m for m in models if route.serves(m["id"])]


def _model(name: str, route: Route) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": route.upstream.name}
