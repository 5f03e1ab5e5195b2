"""GET /v1/models, the union of what the organization's providers serve; one model of it; and unknown addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from agents.authentication import authenticate, require
from agents.choices import PROXY_SCOPES
from agents.routes import Route
from ibex.core.errors import IbexError, NotFound, ServiceDegraded
from ibex.providers.base import ProviderCall
from ibex.providers.registry import provider_for
from proxy.consumers import HttpConsumer
from proxy.record import record_call
from proxy.routes import routes_of
from proxy.turn import PROVIDER_STAGE, Turn

LIST_TIMEOUT_S = 3.0
"""All providers are asked at once: the answer is never later than this, whoever is down."""
LIST_MAX_BYTES = 8 * 1024 * 1024
"""The longest public list of models is under 1 MiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What one provider serves, as far as is known. `is_whole`: it has answered with its list."""

    route: Route
    models: list[dict[str, Any]]
    is_whole: bool


class Models(HttpConsumer):
    """GET /v1/models. Of a provider that does not answer, the models that its patterns name are listed all the same."""

    endpoint = "models"

    async def answer(self, turn: Turn) -> None:
        union = _union(await _listings(turn))
        models = sorted(union.values(), key=lambda model: str(model["id"]))
        await self._respond(turn, {"object": "list", "data": models})

    async def _respond(self, turn: Turn, said: dict[str, Any]) -> None:
        await record_call(turn, 200)
        await self.respond(200, orjson.dumps(said), turn.headers())


class OneModel(Models):
    """GET /v1/models/{id}; the id may hold slashes."""

    async def answer(self, turn: Turn) -> None:
        wanted: str = self.scope["url_route"]["kwargs"]["model"]
        listings = await _listings(turn)
        model = _union(listings).get(wanted)
        if model is None:
            raise _absent(wanted, listings)
        await self._respond(turn, model)


class Unknown(HttpConsumer):
    """Any other address under /v1."""

    methods = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
    endpoint = "unknown"

    async def answer(self, turn: Turn) -> None:
        raise NotFound


async def _listings(turn: Turn) -> list[Listing]:
    """Of every active provider, first choice first. Raises what authentication and routing raise."""
    principal = await authenticate(turn.incoming.headers.get("authorization", ""))
    require(principal, PROXY_SCOPES)
    routes = await routes_of(principal.org_id)
    with turn.stage(PROVIDER_STAGE):
        return await asyncio.gather(*(_listing(route) for route in routes))


def _union(listings: Iterable[Listing]) -> dict[str, dict[str, Any]]:
    """Models by id: of those that several serve, the one that would be asked first."""
    return {model["id"]: model for listing in reversed(list(listings)) for model in listing.models}


def _absent(model: str, listings: Iterable[Listing]) -> IbexError:
    if any(listing.route.serves(model) and not listing.is_whole for listing in listings):
        return ServiceDegraded("A provider that may serve this model does not answer right now. Try again.")
    return NotFound("No provider of this organization lists that model. GET /v1/models lists those that are served.")


async def _listing(route: Route) -> Listing:
    named = [_model(name, route) for name in route.patterns if "*" not in name]
    found = await _listed_by(route)
    models = [m for m in found or [] if isinstance(m, dict) and isinstance(m.get("id"), str) and route.serves(m["id"])]
    return Listing(route=route, models=named + models, is_whole=found is not None)


async def _listed_by(route: Route) -> list[Any] | None:
    """The provider's own list; None when it gives none, whatever the reason."""
    call = ProviderCall(path="/models", method="GET")
    try:
        async with asyncio.timeout(LIST_TIMEOUT_S):
            answer = await provider_for(route.upstream.kind).send(route.upstream, call)
            body = await answer.read(LIST_MAX_BYTES)
        said = orjson.loads(body) if answer.status == 200 else None
    except (IbexError, TimeoutError, orjson.JSONDecodeError):
        return None
    found = said.get("data") if isinstance(said, dict) else None
    return found if isinstance(found, list) else None


def _model(name: str, route: Route) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": route.upstream.name}
