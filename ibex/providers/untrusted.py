"""Reading JSON that others wrote: a part of the wrong type counts as one that is missing, so nothing raises."""

from __future__ import annotations

from typing import Any, TypeGuard

import orjson

MAX_COUNT = 2**31 - 1
"""A count beyond what the database's integers hold is garbage."""


def object_in(payload: bytes) -> dict[str, Any] | None:
    """The JSON object that `payload` is, or None."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def as_object(value: Any) -> dict[str, Any]:
    """`value`, or an empty object."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """`value`, or an empty list."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def as_text(value: Any) -> str:
    """`value`, or an empty text."""
    return value if isinstance(value, str) else ""


def is_count(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number that can be counted with."""
    return type(value) is int and 0 <= value <= MAX_COUNT


def as_count(value: Any) -> int:
    """`value`, or 0."""
    return value if is_count(value) else 0
