"""Cursor pagination for every list: `{"items": […], "next_cursor": "…"}`, no totals, no page ever shifts.

A cursor holds the ordering values of the last item seen, signed, so that a page costs the same wherever it is.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from ibex.core.crypto import keyed_hash
from ibex.core.errors import FieldCode, FieldError, InvalidRequest

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
SIGNATURE_BYTES = 12
NEWEST_FIRST = ("-id",)
"""Ids are UUIDv7: they sort by the time their rows were made."""


class CursorPages(BasePagination):
    """Pages of a queryset, in the order of the view's `ordering`: a tuple of unique, never-null columns when taken
    together, ending with the id (default: newest first). Raises InvalidRequest naming `cursor` or `limit`.
    """

    page_size = LIMIT_DEFAULT
    """drf-spectacular asks for it to know that lists are paginated."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of rows; whether another follows is kept for the response."""
        self.ordering: Sequence[str] = getattr(view, "ordering", NEWEST_FIRST)
        limit = _limit(request.query_params.get("limit"))
        rows: QuerySet[Any] = queryset.order_by(*self.ordering)
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            rows = rows.filter(_after(self.ordering, _values(cursor, self.ordering)))
        found = list(rows[: limit + 1])
        self.next_cursor = _cursor(found[limit - 1], self.ordering) if len(found) > limit else None
        return found[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        """The body of a list."""
        return Response({"items": data, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The body of a list, for the OpenAPI document."""
        cursor = {"type": "string", "nullable": True, "description": "Send it back as `cursor` for the next page."}
        return {
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {"items": schema, "next_cursor": cursor},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The query parameters of a list, for the OpenAPI document."""
        limit = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
        return [
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
            {"name": "limit", "in": "query", "required": False, "schema": limit},
        ]


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise _refused("limit", f"It is a number from 1 to {LIMIT_MAX}.")


def _cursor(row: Model, ordering: Sequence[str]) -> str:
    values = [getattr(row, name.removeprefix("-")) for name in ordering]
    payload = json.dumps(values, default=_exact_text, separators=(",", ":")).encode()
    return urlsafe_b64encode(_signature(payload, ordering) + payload).decode().rstrip("=")


def _exact_text(value: Any) -> str:
    """Dates keep their microseconds: a rounded one would skip or repeat rows."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _values(cursor: str, ordering: Sequence[str]) -> list[Any]:
    """What the cursor stands at. Only a cursor of this ordering, made here, is read."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raise _bad_cursor() from None
    signature, payload = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(payload, ordering)):
        raise _bad_cursor()
    return list(json.loads(payload))


def _signature(payload: bytes, ordering: Sequence[str]) -> bytes:
    return keyed_hash("cursor", f"{','.join(ordering)}\n{payload.hex()}")[:SIGNATURE_BYTES]


def _after(ordering: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows behind `values`: behind on the first column, or equal there and behind on the next, and so on."""
    behind, equal = Q(), Q()
    first = ordering[0].removeprefix("-")
    # Says nothing new; lets the index on the first column begin where the page does.
    reach = Q(**{f"{first}__{'lte' if ordering[0].startswith('-') else 'gte'}": values[0]})
    for name, value in zip(ordering, values, strict=True):
        column = name.removeprefix("-")
        operator = "lt" if name.startswith("-") else "gt"
        behind |= equal & Q(**{f"{column}__{operator}": value})
        equal &= Q(**{column: value})
    return reach & behind


def _bad_cursor() -> InvalidRequest:
    return _refused("cursor", "Send the `next_cursor` of an earlier page of the same list, unchanged.")


def _refused(field: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(field_errors=[FieldError(field, FieldCode.INVALID_FORMAT, sentence)])
