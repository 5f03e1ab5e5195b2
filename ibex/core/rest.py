"""What every REST resource stands on: one base view, one caller, one way to fail.

`OrgViewSet` runs each action inside the caller's tenant scope, sees only the caller's rows, and replays a write that
comes twice with one Idempotency-Key. Which scope an action needs is declared beside it, in `scopes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, ClassVar, cast
from uuid import UUID

import orjson
from django.db.models import Model, QuerySet
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from ibex.core.caller import Caller
from ibex.core.envelope import envelope
from ibex.core.errors import BodyTooLarge, FieldCode, FieldError, InvalidRequest
from ibex.core.idempotency import once
from ibex.core.openapi import OrgSchema
from ibex.core.origin import served_from
from ibex.core.tenancy import scope

BODY_MAX_BYTES = 1024 * 1024
"""SPEC section 2; a view that takes files says its own."""

Handler = Callable[..., Response]


class JsonBody(BaseParser):
    """Strict JSON: no NaN, no lone surrogates, bounded depth; each of these would break further in."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError from error


class AlwaysJson(BaseContentNegotiation):
    """Whatever the Accept header says: this API has one form."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        accepted: list[BaseParser] = list(parsers)
        is_json = (request.content_type or "").partition(";")[0].strip().lower() == "application/json"
        return accepted[0] if is_json else None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class OrgViewSet(GenericViewSet):
    """A resource of one organization.

    `scopes`: action → the scope(s) it needs; an action that is not there is denied to everyone.
    `agent_column`: the column that holds a row's agent, by which callers bound to one agent see only its rows.
    `unscoped_actions`: these open their own `scope()`, because they wait on a model between two transactions.
    """

    scopes: ClassVar[Mapping[str, Any]] = {}
    agent_column: ClassVar[str | None] = None
    unscoped_actions: ClassVar[frozenset[str]] = frozenset()
    filtered_actions: ClassVar[frozenset[str]] = frozenset({"list"})
    body_max_bytes: ClassVar[int] = BODY_MAX_BYTES

    parser_classes = [JsonBody]
    content_negotiation_class = AlwaysJson
    metadata_class = None
    schema = OrgSchema()

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return cast("Caller", self.request.auth)

    @property
    def org_id(self) -> UUID:
        """The caller's organization."""
        return self.caller.org_id

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate and authorise, then wrap this request's own handler."""
        _refuse_large(request, self.body_max_bytes)
        super().initial(request, *args, **kwargs)
        if self.action is not None:
            name = str(request.method).lower()
            setattr(self, name, partial(self._answer, getattr(self, name)))

    def _answer(self, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> Response:
        run = partial(self._in_scope, handler, request, *args, **kwargs)
        with served_from(request):
            if request.method in {"GET", "HEAD"}:
                return run()
            return once(request, org_id=self.org_id, actor=self.caller.actor, answer=run)

    def _in_scope(self, handler: Handler, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Errors leave through the scope, so that a refused write leaves nothing behind."""
        with nullcontext() if self.action in self.unscoped_actions else scope(self.org_id):
            return handler(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        """The caller's rows. A row of others is not there: reading it answers 404, like one that never was."""
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return self.visible(rows)

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of `rows` that the caller may see."""
        mine = rows.filter(org_id=self.org_id)
        if self.caller.agent_id is not None and self.agent_column is not None:
            return mine.filter(**{self.agent_column: self.caller.agent_id})
        return mine

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the view's FilterSet where rows are listed. A filter that does not exist is refused: ignored, it
        would show rows that the caller meant to leave out.
        """
        if self.action not in self.filtered_actions:
            return queryset
        _refuse_unknown(self.request, self)
        return super().filter_queryset(queryset)

    def validated(self, **options: Any) -> dict[str, Any]:
        """The body's fields, validated by the action's serializer. Raises the framework's ValidationError."""
        serializer = self.get_serializer(data=self.request.data, **options)
        serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(serializer.validated_data)
        return fields

    def represent(self, row: Model | object, status: int = 200) -> Response:
        """One object as the view's own serializer shows it."""
        serializer_class = self.serializer_class
        assert serializer_class is not None  # noqa: S101 - a resource without one cannot be shown
        return Response(serializer_class(row, context=self.get_serializer_context()).data, status=status)

    def paged(
        self,
        rows: QuerySet[Any],
        serializer_class: type[Any],
        ordering: tuple[str, ...],
        prepare: Callable[[Sequence[Any]], object] | None = None,
    ) -> Response:
        """A nested list as pages, in its own order. `prepare`: what is done to the rows of the page before."""
        self.ordering = ordering
        page = self.paginate_queryset(rows)
        if prepare is not None and page is not None:
            prepare(page)
        return self.get_paginated_response(
            serializer_class(page, many=True, context=self.get_serializer_context()).data
        )


def _refuse_large(request: Request, limit: int) -> None:
    declared = str(request.META.get("CONTENT_LENGTH") or "0")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge
    if request.method not in {"GET", "HEAD"} and len(request.body) > limit:
        raise BodyTooLarge


def _refuse_unknown(request: Request, view: OrgViewSet) -> None:
    filters = getattr(getattr(view, "filterset_class", None), "base_filters", {})
    unknown = sorted(set(request.query_params) - set(filters) - {"cursor", "limit"})
    if unknown:
        raise InvalidRequest(
            "This list has no such filter.",
            field_errors=[
                FieldError("query", FieldCode.INVALID_FORMAT, f"Filters here: {', '.join(sorted(filters))}.")
            ],
        )


__all__ = ["AlwaysJson", "Caller", "JsonBody", "OrgViewSet", "envelope"]
