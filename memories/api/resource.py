"""A memory's way in and out, the same for everyone who asks by HTTP: the REST API and the proxy's `/v1/memories`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from ibex.core.tenancy import scope
from memories.api.serializers import ExcerptSerializer, MemorySerializer
from memories.choices import Source
from memories.models import Memory
from memories.refinement.draft import Draft, Outcome, Result
from memories.refinement.pipeline import refine
from memories.refinement.validate import check
from memories.retrieval.search import Found, Query, search_sync

KNOWN = {Result.DUPLICATE_OF, Result.MERGED_INTO}
"""Nothing new came of a text."""


def validated(serializer_class: type[Serializer[Any]], body: Any, **options: Any) -> dict[str, Any]:
    """A body's fields. Raises the framework's ValidationError."""
    serializer = serializer_class(data=body, **options)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def as_draft_has_them(body: dict[str, Any]) -> dict[str, Any]:
    """A body's fields in the form of a Draft's."""
    fields = dict(body)
    if "labels" in fields:
        fields["labels"] = tuple((label["name"], label["confidence"]) for label in fields["labels"])
    if "tags" in fields:
        fields["tags"] = tuple(fields["tags"])
    return fields


def create(org_id: UUID, agent_id: UUID, *, actor: str, fields: dict[str, Any]) -> Outcome:
    """Take what somebody wrote through refinement. Opens its own transactions. Raises InvalidRequest."""
    draft = Draft(
        org_id=org_id,
        agent_id=agent_id,
        source=Source.USER_PROVIDED,
        observed_at=timezone.now(),
        actor=actor,
        **fields,
    )
    check(draft)
    return refine(draft)


def told(org_id: UUID, outcome: Outcome, rows: QuerySet[Memory], *, status: int = 200) -> Response:
    """What refinement did, with the memory that stands for the text now, when it is one of `rows`."""
    with scope(org_id):
        memory = rows.filter(pk=outcome.memory_id).first() if outcome.memory_id else None
        shown = MemorySerializer(memory).data if memory is not None else None
    return Response({"result": outcome.result.value, "reason": outcome.reason, "memory": shown}, status=status)


def told_of_new(org_id: UUID, outcome: Outcome, rows: QuerySet[Memory]) -> Response:
    """The same for a text that was new: 201 when it became a memory, also one that waits in review."""
    return told(org_id, outcome, rows, status=200 if outcome.result in KNOWN else 201)


def found(query: Query, rows: QuerySet[Memory]) -> Response:
    """What answers a question best, memories as far as they are among `rows`. Opens its own transactions."""
    answers = search_sync(query)
    with scope(query.org_id):
        by_id = rows.in_bulk([one.id for one in answers if one.kind == "memory"])
    items = [_shown(one, by_id.get(one.id)) for one in answers if one.kind == "excerpt" or one.id in by_id]
    return Response({"items": items, "next_cursor": None})


def _shown(one: Found, memory: Memory | None) -> dict[str, Any]:
    return one.as_dict() | {
        "memory": MemorySerializer(memory).data if memory is not None else None,
        "excerpt": ExcerptSerializer(_as_excerpt(one)).data if memory is None else None,
    }


def _as_excerpt(one: Found) -> dict[str, Any]:
    fields = ("id", "content", "role", "speaker", "agent_id", "end_user", "session_id", "checkpoint_id", "turn")
    said_at = datetime.fromtimestamp(one.observed_at, tz=UTC)
    return {name: getattr(one, name) for name in fields} | {"said_at": said_at}


def asked(org_id: UUID, agent_id: UUID | None, fields: dict[str, Any]) -> Query:
    """The question in a search's fields."""
    return Query(
        org_id=org_id,
        agent_id=agent_id,
        end_user=fields.get("end_user"),
        text=fields["query"],
        limit=fields["limit"],
        categories=tuple(fields.get("categories", ())),
        statuses=(fields["status"],),
        include_outdated=True,
        include_excerpts=fields["include_excerpts"],
    )


def refused(field: str, code: FieldCode, sentence: str) -> InvalidRequest:
    """One field is wrong."""
    return InvalidRequest(field_errors=[FieldError(field, code, sentence)])
