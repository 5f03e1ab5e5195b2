"""What becomes of personal data, on the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.privacy import PiiKind, actions_from

_SCHEMA = {
    "type": "object",
    "description": "What is done with each type of personal data before a memory is stored. "
    "A change names the types to change; the others stay.",
    "properties": {
        kind.field: {"type": "string", "enum": [action.value for action in kind.actions], "default": kind.default.value}
        for kind in PiiKind
    },
    "additionalProperties": False,
}


@extend_schema_field(_SCHEMA)
class PiiPolicyField(serializers.DictField):
    """All types when read; those to change when written, with values that `change_pii_policy` checks."""

    def to_representation(self, value: dict[str, str]) -> dict[str, Any]:
        """Defaults included."""
        return {kind.field: action.value for kind, action in actions_from(value).items()}
