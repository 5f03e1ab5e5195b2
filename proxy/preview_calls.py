"""POST /v1/context/preview: an application asks what its call would be sent as."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qs

import orjson

from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from proxy.dialects.base import Dialect
from proxy.dialects.chat import Chat
from proxy.dialects.messages import Messages
from proxy.dialects.responses import Responses
from proxy.preview import preview
from proxy.turn import Turn
from proxy.vault_calls import VaultCall

DIALECTS: Mapping[str, Dialect] = MappingProxyType({"chat": Chat(), "responses": Responses(), "messages": Messages()})
"""By the name that `?api=` gives."""


class ContextPreview(VaultCall):
    """The body, headers, limits and refusals of a call to a model; no model is called."""

    methods = ("POST",)
    endpoint = "context.preview"

    async def answer(self, turn: Turn) -> None:
        asked = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        seen = await preview(turn, dialect_named(asked.get("api", ["chat"])[-1]))
        self.limited = seen.limits
        await self.reply(turn, 200, orjson.dumps(seen.shown))


def dialect_named(api: str) -> Dialect:
    """Raises InvalidRequest for a name that is none."""
    dialect = DIALECTS.get(api)
    if dialect is None:
        known = ", ".join(DIALECTS)
        raise InvalidRequest(field_errors=[FieldError("api", FieldCode.INVALID_ENUM, f"It is one of: {known}.")])
    return dialect
