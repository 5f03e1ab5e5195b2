"""One agent's memories as its own application asks for them at `/v1/memories`: the REST resource, seen by one end user.

A call for an end user sees that person's memories and those of the whole agent, as the person's prompts do. A call for
nobody searches the whole agent's alone; by its id it reaches every memory of the agent, for the application's own work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from ibex.core.envelope import as_ibex_error
from ibex.core.errors import FieldCode, NotFound
from ibex.core.tenancy import scope
from memories import store
from memories.api.resource import as_draft_has_them, asked, create, found, refused, told, told_of_new, validated
from memories.api.serializers import MemorySerializer, NewMemorySerializer, SearchSerializer, WrittenMemorySerializer
from memories.models import Memory
from memories.refinement.revision import revise
from memories.selectors import memories_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What was asked, by whom. `end_user`: whose memories are meant; `seen_by`: in whose name rows are looked at."""

    org_id: UUID
    agent_id: UUID
    actor: str
    end_user: str
    seen_by: str
    body: Mapping[str, Any]
    memory_id: UUID | None = None

    @property
    def rows(self) -> QuerySet[Memory]:
        """The memories that this call may see."""
        live = memories_of(self.org_id).filter(agent_id=self.agent_id)
        return live.filter(end_user__in=("", self.seen_by)) if self.seen_by else live

    def one(self) -> Memory:
        """The memory that it names, inside the caller's scope. Raises NotFound."""
        memory = self.rows.filter(pk=self.memory_id).first() if self.memory_id else None
        if memory is None:
            raise NotFound
        return memory


def answer(call: Call, method: str) -> Response:
    """Do what `method` (`create`, `search`, `GET`, `PATCH` or `DELETE`) asks. Opens its own transactions.

    Raises IbexError, a body's failures among them.
    """
    try:
        return _METHODS[method](call)
    except APIException as error:
        raise as_ibex_error(error) or error from error


def _create(call: Call) -> Response:
    fields = _own(call, NewMemorySerializer)
    outcome = create(call.org_id, call.agent_id, actor=call.actor, fields=fields | {"end_user": call.end_user})
    return told_of_new(call.org_id, outcome, call.rows)


def _search(call: Call) -> Response:
    fields = _own(call, SearchSerializer)
    return found(asked(call.org_id, call.agent_id, fields | {"end_user": call.end_user}), call.rows)


def _show(call: Call) -> Response:
    with scope(call.org_id):
        return Response(MemorySerializer(call.one()).data)


def _change(call: Call) -> Response:
    with scope(call.org_id):
        memory = call.one()
    fields = as_draft_has_them(validated(WrittenMemorySerializer, call.body, partial=True))
    return told(call.org_id, revise(call.org_id, memory.pk, actor=call.actor, **fields), call.rows)


def _delete(call: Call) -> Response:
    with scope(call.org_id):
        store.delete(call.one(), actor=call.actor)
    return Response(status=204)


_METHODS: Mapping[str, Callable[[Call], Response]] = {
    "create": _create,
    "search": _search,
    "GET": _show,
    "PATCH": _change,
    "DELETE": _delete,
}


def _own(call: Call, serializer_class: type[NewMemorySerializer | SearchSerializer]) -> dict[str, Any]:
    """A body's fields, when it names no other agent than the one that the call is for."""
    fields = as_draft_has_them(validated(serializer_class, call.body))
    if fields.pop("agent_id", call.agent_id) != call.agent_id:
        raise refused("agent_id", FieldCode.INVALID_FORMAT, "It is not the agent that this call is for.")
    return fields
