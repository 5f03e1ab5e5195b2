"""The wire form of feedback, the same in the REST API and at /v1/feedback: read and written without a framework, as a
process that serves calls alone loads none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict
from uuid import UUID

from context.feedback import Given
from context.models import COMMENT_MAX
from ibex.core.errors import FieldCode, FieldError, InvalidRequest

MEMORIES_MAX = 100
"""Memories that one verdict may name; a prompt never holds as many."""

_MISSING = "It is missing."
_WRONG_FORM = "It does not have the right form."


class Verdict(TypedDict):
    """The fields of `context.feedback.Ballot` that a body brings."""

    request_id: str
    memory_ids: tuple[UUID, ...]
    useful: bool
    comment: str


def read_verdict(body: Any) -> Verdict:
    """With `request_id` alone it is on the answer and on every memory that the request was given.

    Raises InvalidRequest with one entry a refused field.
    """
    if not isinstance(body, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    refused = tuple(_refused(body))
    if refused:
        raise InvalidRequest(field_errors=refused)
    request_id, memory_ids = body.get("request_id"), body.get("memory_ids") or ()
    return Verdict(
        request_id=str(UUID(request_id)) if request_id else "",
        memory_ids=tuple(dict.fromkeys(map(UUID, memory_ids))),
        useful=body["useful"],
        comment=body.get("comment", "").strip(),
    )


def given_as_json(given: Given) -> dict[str, Any]:
    """What a verdict came to. `request_id` is empty when it was on memories by themselves."""
    memories = [{"id": str(memory.pk), "usefulness": memory.usefulness} for memory in given.memories]
    return {"request_id": given.request_id, "useful": given.useful, "memories": memories}


def _refused(body: Mapping[str, Any]) -> Iterator[FieldError]:
    request_id, memory_ids = body.get("request_id"), body.get("memory_ids", [])
    if request_id is not None and not _is_uuid(request_id):
        yield FieldError("request_id", FieldCode.INVALID_FORMAT, _WRONG_FORM)
    elif not request_id and not memory_ids:
        yield FieldError("request_id", FieldCode.REQUIRED, _MISSING)
    yield from _refused_memories(memory_ids)
    if body.get("useful") is None:
        yield FieldError("useful", FieldCode.REQUIRED, _MISSING)
    elif not isinstance(body["useful"], bool):
        yield FieldError("useful", FieldCode.INVALID_FORMAT, _WRONG_FORM)
    comment = body.get("comment", "")
    if not isinstance(comment, str) or "\0" in comment:
        yield FieldError("comment", FieldCode.INVALID_FORMAT, _WRONG_FORM)
    elif len(comment.strip()) > COMMENT_MAX:
        yield FieldError("comment", FieldCode.TOO_LONG, f"It is too long: at most {COMMENT_MAX:,} characters.")


def _refused_memories(memory_ids: Any) -> Iterator[FieldError]:
    if not isinstance(memory_ids, list):
        yield FieldError("memory_ids", FieldCode.INVALID_FORMAT, "A list is expected here.")
    elif len(memory_ids) > MEMORIES_MAX:
        yield FieldError("memory_ids", FieldCode.TOO_MANY, f"There are too many: at most {MEMORIES_MAX}.")
    else:
        for index, memory_id in enumerate(memory_ids):
            if not _is_uuid(memory_id):
                yield FieldError(f"memory_ids[{index}]", FieldCode.INVALID_FORMAT, _WRONG_FORM)


def _is_uuid(value: Any) -> bool:
    try:
        UUID(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True
