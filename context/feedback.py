"""What people and applications say about answers and the memories in them, and what that makes the memories worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from agents.models import Trace
from agents.services import audit
from context.models import Feedback, Injection
from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from memories import store
from memories.models import Memory
from memories.usefulness import Showing, Verdict, usefulness

VERDICTS_COUNTED = 200
"""Of one memory, the latest: what lies before weighs less than 10^-18 (`memories.usefulness`)."""

_VERDICTS = """
    SELECT m.id, f.actor, f.turn_id, f.useful, f.created_at
    FROM unnest(%s::uuid[]) AS m (id) CROSS JOIN LATERAL (
        SELECT actor, turn_id, useful, created_at FROM context_feedback
        WHERE org_id = %s AND memory_id = m.id ORDER BY id DESC LIMIT %s
    ) AS f
"""

SHOWINGS_COUNTED = 200
"""Of one memory, the latest answers that were read for it."""
_SHOWINGS = """
    SELECT m.id, r.created_at, r.is_used
    FROM unnest(%s::uuid[]) AS m (id) CROSS JOIN LATERAL (
        SELECT created_at, is_used FROM context_reading
        WHERE org_id = %s AND memory_id = m.id ORDER BY id DESC LIMIT %s
    ) AS r
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """One verdict as it was handed in: on a request, on memories, or on memories in one request."""

    org_id: UUID
    actor: str
    useful: bool
    comment: str = ""
    request_id: str = ""
    turn_id: UUID | None = None
    """Instead of the request's id, which a caller may repeat."""
    memory_ids: Sequence[UUID] = ()
    """None: every memory that the request was given."""
    agent_id: UUID | None = None
    """Only what is this agent's may be judged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What a ballot came to."""

    request_id: str
    useful: bool
    is_new: bool
    """It said something that its actor had not said before."""
    memories: Sequence[Memory]
    """Those it judged, with their usefulness after it."""


def give(ballot: Ballot) -> Given | None:
    """Keep a verdict and move the usefulness of the memories it is about, inside the caller's scope.

    The same verdict again changes nothing; another one on the same thing by the same actor takes the place of the
    first. None when there is no such request; raises InvalidRequest naming a memory that is not there.
    """
    turn = None
    if ballot.turn_id or ballot.request_id:
        turn = _turn(ballot)
        if turn is None:
            return None
    memories = store.hold_many(ballot.org_id, _judged(ballot, turn))
    rows = _new_rows(ballot, turn, memories)
    if rows:
        Feedback.objects.bulk_create(rows)
        reckon(ballot.org_id, memories)
        audit.record(
            org_id=ballot.org_id, actor=ballot.actor, action="feedback.given", obj=rows[0], memories=len(memories)
        )
    request_id = turn.request_id if turn else ""
    return Given(request_id=request_id, useful=ballot.useful, is_new=bool(rows), memories=memories)


def reckon(org_id: UUID, memories: Iterable[Memory]) -> None:
    """Set the usefulness of held memories to what was said about them, and what answers made of them, comes to now.

    Three queries.
    """
    memories, now = list(memories), timezone.now()
    ids = [memory.pk for memory in memories]
    verdicts, showings = _verdicts(org_id, ids), _showings(org_id, ids)
    store.set_usefulness(memories, {key: usefulness(verdicts[key], now, showings[key]) for key in ids})


def _turn(ballot: Ballot) -> Trace | None:
    """The call that is judged; of several with one request id the latest that was answered."""
    calls = Trace.objects.of(ballot.org_id)
    if ballot.agent_id:
        calls = calls.filter(agent_id=ballot.agent_id)
    calls = calls.filter(turn_id=ballot.turn_id) if ballot.turn_id else calls.filter(request_id=ballot.request_id)
    latest = calls.order_by("-started_at")
    return latest.filter(session__isnull=False).first() or latest.first()


def _judged(ballot: Ballot, turn: Trace | None) -> list[UUID]:
    """The memories that a ballot is about. Raises InvalidRequest."""
    if turn is not None:
        packed = Injection.objects.of(ballot.org_id).filter(turn_id=turn.turn_id, is_packed=True, memory__isnull=False)
        there = set(packed.values_list("memory_id", flat=True))
        if not ballot.memory_ids:
            return list(there)
        sentence = "The request was not given this memory."
    else:
        found = Memory.objects.of(ballot.org_id).filter(pk__in=ballot.memory_ids, deleted_at__isnull=True)
        found = found.filter(agent_id=ballot.agent_id) if ballot.agent_id else found
        there = set(found.values_list("pk", flat=True))
        sentence = "There is no such memory."
    missing = [at for at, memory_id in enumerate(ballot.memory_ids) if memory_id not in there]
    if missing:
        errors = [FieldError(f"memory_ids[{at}]", FieldCode.INVALID_FORMAT, sentence) for at in missing]
        raise InvalidRequest(field_errors=errors)
    return list(ballot.memory_ids)


def _new_rows(ballot: Ballot, turn: Trace | None, memories: Sequence[Memory]) -> list[Feedback]:
    """A row for each thing that the actor had not judged like this before. Who judges a request judges its answer too,
    and the comment stands there.
    """
    said = _said_before(ballot, turn)
    judged: list[tuple[Trace | Memory, str]] = [(memory, ballot.comment) for memory in memories]
    if turn is not None and not ballot.memory_ids:
        judged = [(turn, ballot.comment), *((memory, "") for memory in memories)]
    return [
        _row(ballot, turn, subject, comment)
        for subject, comment in judged
        if not _is_said(ballot, comment, said.get(subject.pk if isinstance(subject, Memory) else None))
    ]


def _is_said(ballot: Ballot, comment: str, before: Feedback | None) -> bool:
    return before is not None and before.useful == ballot.useful and comment in {"", before.comment}


def _row(ballot: Ballot, turn: Trace | None, subject: Trace | Memory, comment: str) -> Feedback:
    return Feedback(
        org_id=ballot.org_id,
        agent_id=subject.agent_id,
        session_id=turn.session_id if turn else None,
        memory=subject if isinstance(subject, Memory) else None,
        turn_id=turn.turn_id if turn else None,
        request_id=turn.request_id if turn else "",
        actor=ballot.actor,
        useful=ballot.useful,
        comment=comment,
    )


def _said_before(ballot: Ballot, turn: Trace | None) -> Mapping[UUID | None, Feedback]:
    """The actor's latest verdict on each memory, or on the answer (None), in this turn or in none."""
    own = Feedback.objects.of(ballot.org_id).filter(actor=ballot.actor)
    own = own.filter(turn_id=turn.turn_id) if turn else own.filter(turn_id=None, memory_id__in=ballot.memory_ids)
    return {row.memory_id: row for row in own.order_by("pk")}


def _verdicts(org_id: UUID, memory_ids: Sequence[UUID]) -> Mapping[UUID, list[Verdict]]:
    """The verdicts that count on each memory, the oldest first: of one actor on one turn, the latest."""
    with connection.cursor() as cursor:
        cursor.execute(_VERDICTS, [list(memory_ids), org_id, VERDICTS_COUNTED])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    newest_first: dict[UUID, dict[tuple[str, UUID | None], Verdict]] = defaultdict(dict)
    for memory_id, actor, turn_id, useful, at in rows:
        newest_first[memory_id].setdefault((actor, turn_id), Verdict(at=at, useful=useful))
    verdicts = {key: list(reversed(counted.values())) for key, counted in newest_first.items()}
    return defaultdict(list, verdicts)


def _showings(org_id: UUID, memory_ids: Sequence[UUID]) -> Mapping[UUID, list[Showing]]:
    """What the latest answers made of each memory."""
    showings: dict[UUID, list[Showing]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_SHOWINGS, [list(memory_ids), org_id, SHOWINGS_COUNTED])
        for memory_id, at, is_used in cursor.fetchall():
            showings[memory_id].append(Showing(at=at, is_used=is_used))
    return showings
