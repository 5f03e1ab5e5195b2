"""Reading receipts and feedback, for the pages and the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from agents.models import Session
from context.lines import kept, read
from context.models import AssemblyRecord, Feedback, Injection, Outcome, Reading
from context.values import Considered
from memories.models import Excerpt, Memory

_HAS_LINES = ~Q(considered="") | Q(lines__isnull=False)


def injections_of_turns(org_id: UUID, turn_ids: Iterable[UUID]) -> dict[UUID, list[Injection]]:
    """The receipt of each turn, its memories and excerpts loaded: the best first, then what was replayed. Lines whose
    memory or excerpt is gone are left out. Four queries.
    """
    receipts: dict[UUID, list[Injection]] = defaultdict(list)
    for line in [*_lines_of_assemblies(org_id, turn_ids), *_lines_of_before(org_id, turn_ids)]:
        receipts[line.turn_id].append(line)
    return {turn_id: sorted(lines, key=lambda line: line.rank or len(lines) + 1) for turn_id, lines in receipts.items()}


def _lines_of_assemblies(org_id: UUID, turn_ids: Iterable[UUID]) -> Iterator[Injection]:
    told = AssemblyRecord.objects.of(org_id).filter(_HAS_LINES, turn_id__in=list(turn_ids))
    columns = told.values_list("turn_id", "agent_id", "considered", "lines")
    turns = [(turn_id, agent_id, list(read(kept(said, lines)))) for turn_id, agent_id, said, lines in columns]
    ids = {line.id for _, _, lines in turns for line, _ in lines}
    memories, excerpts = Memory.objects.of(org_id).in_bulk(ids), Excerpt.objects.of(org_id).in_bulk(ids)
    for turn_id, agent_id, lines in turns:
        for line, parts in lines:
            about = memories.get(line.id) or excerpts.get(line.id)
            if about is not None and about.agent_id == agent_id:
                yield _injection(org_id, turn_id, line, parts, about)


def _injection(
    org_id: UUID, turn_id: UUID, line: Considered, parts: dict[str, float], about: Memory | Excerpt
) -> Injection:
    said = line._asdict() | {"components": parts}
    del said["memory_id"], said["excerpt_id"]
    subject = {"memory": about} if isinstance(about, Memory) else {"excerpt": about}
    return Injection(org_id=org_id, turn_id=turn_id, memory_version=said.pop("version"), **said, **subject)


def _lines_of_before(org_id: UUID, turn_ids: Iterable[UUID]) -> Iterable[Injection]:
    """Of turns from before lines were kept with the assembly."""
    told = AssemblyRecord.objects.of(org_id).filter(_HAS_LINES, turn_id=OuterRef("turn_id"))
    rows = Injection.objects.of(org_id).filter(~Exists(told), turn_id__in=list(turn_ids))
    return rows.select_related("memory", "excerpt").order_by("turn_id", "rank")


def assemblies_of_turns(org_id: UUID, turn_ids: Iterable[UUID]) -> dict[UUID, AssemblyRecord]:
    """How the context of each turn came about; a turn of before that was recorded has none. One query."""
    rows = AssemblyRecord.objects.of(org_id).filter(turn_id__in=list(turn_ids)).defer("considered", "lines")
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
