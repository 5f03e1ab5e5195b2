"""Reading finished turns: which of its memories an answer used, which turns correct the one before, what it all cost.

Off the request path, in batches of a job; twice the same turn, nothing new. The pointer `Session.last_read_turn` moves
in the same transaction as what was found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Left

from agents.archives.reading import words_needed
from agents.models import Checkpoint, Session, Trace
from context.corrections import correction_of
from context.feedback import reckon
from context.mode import Mode
from context.models import AssemblyRecord, Injection, Mixed, Outcome, Reading
from context.used import READ_CHARACTERS, Use, uses
from context.values import Arm, Level
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from ibex.core.tenancy import scope
from memories import store
from memories.selectors import contents_then

SESSIONS_AT_ONCE = 20
TURNS_AT_ONCE = 25
"""Of one session in one step. With their texts cut to READ_CHARACTERS a step holds some ten megabytes at most."""
TURNS_BEFORE = 10
"""Earlier turns of the session that are looked at: what was said there is not a memory's alone."""
CORRECTED_KEPT = 100
"""Corrections of one session that are named, each with its turn."""
_OUTCOME = (
    "turns", "corrections", "corrected", "prompt_tokens", "completion_tokens", "cost", "unpriced", "degraded", "mixed",
)  # fmt: skip
_MIXED_BY = {Mode.OFF: Mixed.OFF, Mode.SHADOW: Mixed.SHADOW}


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """One turn as it is read; its texts are cut where reading ends."""

    session_id: UUID
    number: int
    turn_id: UUID
    asked: str = field(repr=False)
    answer: str = field(repr=False)
    is_complete: bool
    is_imported: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of the turns of a step beside their words, by turn."""

    packed: Mapping[UUID, Sequence[Injection]]
    contents: Mapping[tuple[UUID, int], str]
    """Of memories in the versions that were shown; those deleted since are not there."""
    traces: Mapping[UUID, Trace]
    modes: Mapping[UUID, str]


@dataclass(kw_only=True, slots=True)
class Read:
    """What a step found in one session."""

    session: Session
    last: int
    """The turn up to which it was read."""
    turns: list[Spoken] = field(default_factory=list)
    corrected: dict[int, str] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)


def read_turns(place: Place | None) -> Iterator[Progress]:
    """The job: every turn that was not read yet."""

    def organizations(system: str) -> Iterable[UUID]:
        unread = _unread(Session.objects.using(system))
        return owners(unread)

    return sweep("read_turns", organizations, _read_batch, place, in_scope=False)


def _unread(sessions: QuerySet[Session]) -> QuerySet[Session]:
    return sessions.filter(last_read_turn__lt=F("turn_count"))


def _read_batch(org_id: UUID, after: UUID | None) -> Batch:
    with scope(org_id):
        rows = _unread(Session.objects.of(org_id))
        rows = rows.filter(pk__gt=after) if after else rows
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:SESSIONS_AT_ONCE])
        stripped = list(_to_read(org_id, ids).filter(stripped_at__isnull=False))
    words = {turn.turn_id: turn for turn in words_needed(stripped)}  # of sessions that went on; before anything is held
    with scope(org_id):
        counts = _read_sessions(org_id, ids, words)
    return Batch(counts=counts, last=ids[-1] if ids else None, has_more=len(ids) == SESSIONS_AT_ONCE)


def _read_sessions(org_id: UUID, ids: Sequence[UUID], words: Mapping[UUID, Checkpoint]) -> Mapping[str, int]:
    # A session that a drain or a miner holds is left for the next run: nobody waits here.
    rows = _unread(Session.objects.of(org_id)).filter(pk__in=ids).order_by("pk")
    sessions = list(rows.select_for_update(skip_locked=True, no_key=True))
    turns = _turns(org_id, sessions, words)
    facts = _facts(org_id, [turn.turn_id for each in turns.values() for turn in each])
    read = [_read(session, turns[session.pk], facts) for session in sessions]
    _keep(org_id, read, facts)
    return {
        "turns": sum(len(one.turns) for one in read),
        "memories_used": sum(reading.is_used for one in read for reading in one.readings),
        "corrections": sum(len(one.corrected) for one in read),
    }


def _to_read(org_id: UUID, sessions: Sequence[UUID]) -> QuerySet[Checkpoint]:
    """Of each session the turns to read, and some before them."""
    return (
        Checkpoint.objects.of(org_id)
        .filter(session__in=sessions)
        .filter(number__gt=F("session__last_read_turn") - TURNS_BEFORE)
        .filter(number__lte=F("session__last_read_turn") + TURNS_AT_ONCE)
    )


def _turns(org_id: UUID, sessions: Sequence[Session], words: Mapping[UUID, Checkpoint]) -> Mapping[UUID, list[Spoken]]:
    """Of each session the turns to read, and some before them, in their order. `words`: turns as archives have them."""
    rows = _to_read(org_id, [session.pk for session in sessions]).annotate(
        asked=Left("user_text", READ_CHARACTERS), answer=Left("assistant_text", READ_CHARACTERS)
    )
    turns: dict[UUID, list[Spoken]] = defaultdict(list)
    for row in rows.order_by("session", "number").values(*(each.name for each in fields(Spoken))):
        if (said := words.get(row["turn_id"])) is not None:
            row |= {"asked": said.user_text[:READ_CHARACTERS], "answer": said.assistant_text[:READ_CHARACTERS]}
        turns[row["session_id"]].append(Spoken(**row))
    return turns


def _facts(org_id: UUID, turn_ids: Sequence[UUID]) -> Facts:
    packed: dict[UUID, list[Injection]] = defaultdict(list)
    lines = Injection.objects.of(org_id).filter(turn_id__in=turn_ids, is_packed=True, memory__isnull=False)
    for row in lines.order_by("turn_id", "rank"):
        packed[row.turn_id].append(row)
    shown = {(row.subject_id, row.memory_version) for rows in packed.values() for row in rows}
    traces = Trace.objects.of(org_id).filter(turn_id__in=turn_ids).only("turn_id", "cost", "level")
    modes = AssemblyRecord.objects.of(org_id).filter(turn_id__in=turn_ids).values_list("turn_id", "mode")
    return Facts(
        packed=packed,
        contents=contents_then(org_id, shown),
        traces={trace.turn_id: trace for trace in traces},
        modes=dict(modes),
    )


def _read(session: Session, turns: Sequence[Spoken], facts: Facts) -> Read:
    """One session's turns after the pointer. Turns that were erased meanwhile are passed over."""
    pointer = session.last_read_turn
    last = min(session.turn_count, pointer + TURNS_AT_ONCE)
    found = Read(session=session, last=last)
    for at, turn in enumerate(turns):
        if turn.number <= pointer or turn.is_imported:
            continue
        before = turns[max(0, at - TURNS_BEFORE) : at]
        correction = correction_of(turn.asked, [one.asked for one in reversed(before)])
        if correction is not None:
            found.corrected[turn.number] = correction
        said = "\n".join([*(text for one in before for text in (one.asked, one.answer)), turn.asked])
        found.turns.append(turn)
        found.readings += _readings(session, turn, said, facts)
    return found


def _readings(session: Session, turn: Spoken, said: str, facts: Facts) -> Iterator[Reading]:
    """What the turn's answer says of the memories in its prompt: nothing when it was cut off, or called tools only."""
    packed = facts.packed.get(turn.turn_id, ())
    lines = [line for line in packed if (line.subject_id, line.memory_version) in facts.contents]
    if not (lines and turn.answer and turn.is_complete):
        return
    contents = [facts.contents[line.subject_id, line.memory_version] for line in lines]
    for line, use in zip(lines, uses(contents, turn.answer, said), strict=True):
        if use is not None and _is_told(line, use):
            yield Reading(
                org_id=session.org_id,
                agent_id=session.agent_id,
                memory_id=line.subject_id,
                turn_id=turn.turn_id,
                is_used=use.is_used,
                share=round(use.share, 4),
            )


def _is_told(line: Injection, use: Use) -> bool:
    """A memory is asked once whether it was of use, when it was new; of a replayed block only uses are news."""
    return use.is_used or line.arm != Arm.REPLAYED


def _keep(org_id: UUID, read: Sequence[Read], facts: Facts) -> None:
    """Write what was found; then set the usefulness of the memories it is about."""
    readings = [reading for one in read for reading in one.readings]
    Reading.objects.bulk_create(readings, ignore_conflicts=True)
    _keep_outcomes(org_id, read, facts)
    for one in read:
        one.session.last_read_turn = one.last
    Session.objects.bulk_update([one.session for one in read], ["last_read_turn"])
    if readings:
        answers = Counter(reading.memory_id for reading in readings)
        held = store.hold_many(org_id, answers)
        store.count_answers(org_id, answers, Counter(each.memory_id for each in readings if each.is_used))
        reckon(org_id, held)


def _keep_outcomes(org_id: UUID, read: Sequence[Read], facts: Facts) -> None:
    with_turns = [one for one in read if one.turns]
    rows = Outcome.objects.of(org_id).filter(session__in=[one.session.pk for one in with_turns])
    known = {row.session_id: row for row in rows}
    new = {
        one.session.pk: Outcome(org_id=org_id, agent_id=one.session.agent_id, session=one.session)
        for one in with_turns
        if one.session.pk not in known
    }
    for one in with_turns:
        _add((known | new)[one.session.pk], one, facts)
    Outcome.objects.bulk_create(new.values())
    Outcome.objects.bulk_update(known.values(), _OUTCOME)


def _add(outcome: Outcome, read: Read, facts: Facts) -> None:
    """Bring an outcome up to the turns that were read now."""
    outcome.turns += len(read.turns)
    outcome.corrections += len(read.corrected)
    room = CORRECTED_KEPT - len(outcome.corrected)
    outcome.corrected |= {str(number): how for number, how in list(read.corrected.items())[:room]}
    for turn in read.turns:
        trace = facts.traces.get(turn.turn_id)
        outcome.prompt_tokens += turn.prompt_tokens
        outcome.completion_tokens += turn.completion_tokens
        if trace is None or trace.cost is None:
            outcome.unpriced += 1
        else:
            outcome.cost += float(trace.cost)
        outcome.degraded += bool(trace and trace.level >= Level.DIRECTIVE_ONLY)
        outcome.mixed = outcome.mixed or _mixed(read.session, facts.modes.get(turn.turn_id))


def _mixed(session: Session, mode: str | None) -> str:
    """Why a turn of that mode makes its session one that is compared with none; empty when it does not."""
    arm = Mode.HELD_OUT if session.is_held_out else Mode.ON
    if mode is None or mode == arm:
        return ""
    return _MIXED_BY.get(Mode(mode), Mixed.CHANGED)
