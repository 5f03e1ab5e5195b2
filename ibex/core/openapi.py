"""What the OpenAPI document says of every operation, said once: the error envelope and the Idempotency-Key header."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter

from ibex.core.errors import FieldCode

_TEXT = {"type": "string"}
_FIELD_ERROR = {
    "type": "object",
    "required": ["field", "code", "message"],
    "properties": {
        "field": _TEXT,
        "code": {"type": "string", "enum": [str(code) for code in FieldCode]},
        "message": _TEXT,
    },
}
_ERROR = {
    "type": "object",
    "required": ["code", "message", "type", "request_id", "field_errors"],
    "properties": {
        "code": _TEXT,
        "message": _TEXT,
        "type": _TEXT,
        "request_id": _TEXT,
        "field_errors": {"type": "array", "items": _FIELD_ERROR},
    },
}
ENVELOPE = {"type": "object", "required": ["error"], "properties": {"error": _ERROR}}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Up to 255 characters of your choice. The same request sent again within a day with the same key "
    "gets the first one's answer, and the header `Idempotent-Replay: true`.",
)


class OrgSchema(AutoSchema):
    """The description of one operation of an `OrgViewSet`."""

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular's own
        """What it does, and the scope that it needs."""
        said = super().get_description()
        return f"{said}\n\nScope: {scope}." if (scope := self._scope()) else said

    def get_extensions(self) -> dict[str, Any]:
        """The scope once more, for programs."""
        return {"x-scope": scope} if (scope := self._scope()) else {}

    def _scope(self) -> str:
        needed = getattr(self.view, "scopes", {}).get(getattr(self.view, "action", None), ())
        words = [f"`{scope}`" for scope in ([needed] if isinstance(needed, str) else needed)]
        return " or ".join(sorted(words)) if isinstance(needed, frozenset) else ", ".join(words)

    def get_override_parameters(self) -> list[Any]:
        """Writes take an Idempotency-Key."""
        return [] if self.method == "GET" else [IDEMPOTENCY_KEY]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        """Every failure has the same form."""
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        component = ResolvedComponent(  # type: ignore[no-untyped-call]  # drf-spectacular types only some
            name="Error", type=ResolvedComponent.SCHEMA, schema=ENVELOPE, object="Error"
        )
        self.registry.register_on_missing(component)
        content = {"application/json": {"schema": component.ref}}
        bodies["default"] = {"description": "The request was refused, or failed.", "content": content}
        return bodies
