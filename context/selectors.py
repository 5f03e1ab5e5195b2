"""Reading receipts and feedback, for the pages and the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from agents.models import Session
from context.models import AssemblyRecord, Feedback, Injection, Outcome, Reading


def injections_of_turns(
    org_id: UUID, turn_ids: Iterable[UUID], *, packed_only: bool = False
) -> dict[UUID, list[Injection]]:
    """The receipt of each turn, its memories and excerpts loaded: the best first, then what was replayed. One query."""
    rows = Injection.objects.of(org_id).filter(turn_id__in=list(turn_ids)).select_related("memory", "excerpt")
    if packed_only:
        rows = rows.filter(is_packed=True)
    receipts: dict[UUID, list[Injection]] = defaultdict(list)
    for row in rows.order_by("turn_id", "rank"):
        receipts[row.turn_id].append(row)
    return {turn_id: sorted(lines, key=lambda line: line.rank or len(lines) + 1) for turn_id, lines in receipts.items()}


def assemblies_of_turns(org_id: UUID, turn_ids: Iterable[UUID]) -> dict[UUID, AssemblyRecord]:
    """How the context of each turn came about; a turn of before that was recorded has none. One query."""
    rows = AssemblyRecord.objects.of(org_id).filter(turn_id__in=list(turn_ids))
    return {row.turn_id: row for row in rows}


def readings_of_turns(org_id: UUID, turn_ids: Iterable[UUID]) -> dict[tuple[UUID, UUID | None], bool]:
    """Of each turn and memory in it, whether the answer used it; not of those that were not read. One query."""
    rows = Reading.objects.of(org_id).filter(turn_id__in=list(turn_ids))
    return {
        (turn_id, memory_id): used for turn_id, memory_id, used in rows.values_list("turn_id", "memory_id", "is_used")
    }


def corrections_of(session: Session) -> dict[int, str]:
    """How the user corrected the answer before, by the number of the turn that does (`context.corrections`)."""
    corrected = Outcome.objects.of(session.org_id).filter(session=session).values_list("corrected", flat=True).first()
    return {int(number): how for number, how in (corrected or {}).items()}


def verdicts_of_turns(org_id: UUID, turn_ids: Iterable[UUID]) -> dict[UUID, list[Feedback]]:
    """What counts of what was said about each turn: of one actor on one thing, the latest. One query."""
    latest: dict[tuple[UUID | None, UUID | None, str], Feedback] = {}
    for row in Feedback.objects.of(org_id).filter(turn_id__in=list(turn_ids)).order_by("pk"):
        latest[row.turn_id, row.memory_id, row.actor] = row
    verdicts: dict[UUID, list[Feedback]] = defaultdict(list)
    for (turn_id, _, _), row in latest.items():
        if turn_id is not None:
            verdicts[turn_id].append(row)
    return verdicts
