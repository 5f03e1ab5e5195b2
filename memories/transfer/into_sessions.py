"""Records that are conversations: sessions and turns as if they had been said here, handed to extraction.

A turn's id is made of who said what when, and where, so that the same file brings nothing twice, whichever import it
comes with. Each session belongs to one import, so that undoing the import can remove it whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from uuid import UUID, uuid5

import orjson

from agents.choices import SessionStatus
from agents.models import Checkpoint, Session
from agents.models.session import END_USER_MAX
from agents.prints import answer_print
from agents.services.sessions import EXTRACT_TASK
from ibex.core.errors import FieldCode, FieldError
from ibex.core.queue import enqueue
from ibex.core.tokens import count
from memories.models import ImportItem, ImportRun
from memories.models.imports import ImportFormat, ImportResult
from memories.transfer.chatgpt import turns_of
from memories.transfer.formats import Record
from memories.transfer.into_memories import refused
from memories.transfer.recorded import RecordedTurn, recorded_turn
from memories.transfer.rows import YEARS

BATCH = {ImportFormat.REPLAY: 200, ImportFormat.CHATGPT: 4}
"""Records written at once: lines, or conversations."""
TEXT_MAX_BYTES = 100 * 1024
"""Of one message, as in a call (SPEC section 2)."""
SESSION_NAME_MAX = 150
_NO_TURN = "It is no recorded turn: it needs `at`, an ISO 8601 time, and `user`, a text."
_NO_CONVERSATION = "It is no conversation of a ChatGPT export, or one without times."
_NOTHING_SAID = "Nobody says anything in it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A record's turns, each with its id; or what is wrong with the record. `left_out`: turns that are too long."""

    record: Record
    turns: Sequence[tuple[UUID, RecordedTurn]] = ()
    left_out: int = 0
    problem: FieldError | None = None


def prepare(run: ImportRun, records: Sequence[Record]) -> list[Said]:
    """Records as turns."""
    return [_said(run, record) for record in records]


def write(run: ImportRun, batch: Sequence[Said]) -> list[ImportItem]:
    """Save the turns that are not there yet, and queue their extraction, inside the organization's scope and the
    caller's transaction. What came of each record is returned, not saved.
    """
    fresh = _fresh(run, batch)
    # In a dry run nothing is written: how many turns are new is known without it.
    sessions = {} if run.is_dry_run else _sessions(run, [turn for turns in fresh for _, turn in turns])
    checkpoints = []
    if sessions:
        for turns in fresh:
            checkpoints += [_checkpoint(run, sessions[_session_name(run, turn)], key, turn) for key, turn in turns]
        Checkpoint.objects.bulk_create(checkpoints)
        Session.objects.bulk_update(sessions.values(), ["turn_count", "started_at", "last_turn_at", "completed_at"])
        for session in sessions.values():
            enqueue(EXTRACT_TASK, str(run.org_id), str(session.pk), group=str(session.pk))
    return [_item(run, said, turns, sessions) for said, turns in zip(batch, fresh, strict=True)]


def _said(run: ImportRun, record: Record) -> Said:
    if record.problem:
        return Said(record=record, problem=record.problem)
    value = record.value or {}
    is_export = run.format == ImportFormat.CHATGPT
    try:
        turns = turns_of(value, number=record.line) if is_export else [recorded_turn(value)]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return _refused(record, _NO_CONVERSATION if is_export else _NO_TURN)
    turns = [_storable(run, turn) for turn in turns]
    if any(turn.at.year not in YEARS or len(turn.end_user) > END_USER_MAX for turn in turns):
        return _refused(record, f"Its year is not from {YEARS.start} to {YEARS.stop - 1}, or its end user too long.")
    turns = [turn for turn in turns if turn.user]
    short = [turn for turn in turns if _is_short(turn)]
    if not short:
        return _refused(record, f"It is over {TEXT_MAX_BYTES // 1024} KiB." if turns else _NOTHING_SAID)
    return Said(record=record, turns=[(_turn_id(run, turn), turn) for turn in short], left_out=len(turns) - len(short))


def _refused(record: Record, sentence: str) -> Said:
    return Said(record=record, problem=FieldError("line", FieldCode.INVALID_FORMAT, sentence))


def _storable(run: ImportRun, turn: RecordedTurn) -> RecordedTurn:
    """Its texts as PostgreSQL can hold them, and whose it is."""
    return replace(
        turn,
        session=_clean(turn.session) or "conversation",
        user=_clean(turn.user),
        speaker=_clean(turn.speaker),
        end_user=_clean(turn.end_user) or run.end_user,
        assistant=None if turn.assistant is None else _clean(turn.assistant),
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode().strip()


def _is_short(turn: RecordedTurn) -> bool:
    return all(len(text.encode()) <= TEXT_MAX_BYTES for text in (turn.user, turn.assistant or "", turn.speaker))


def _turn_id(run: ImportRun, turn: RecordedTurn) -> UUID:
    words = [turn.end_user, turn.session, turn.at.timestamp(), turn.speaker, turn.user, turn.assistant]
    return uuid5(run.agent_id, orjson.dumps(words).decode())


def _fresh(run: ImportRun, batch: Sequence[Said]) -> list[list[tuple[UUID, RecordedTurn]]]:
    """Of each record, the turns that are in no session yet; each of them once."""
    ids = [turn_id for said in batch for turn_id, _ in said.turns]
    known = set(Checkpoint.objects.of(run.org_id).filter(turn_id__in=ids).values_list("turn_id", flat=True))
    if run.is_dry_run:
        earlier = ImportItem.objects.of(run.org_id).filter(run=run, digest__in=[turn_id.bytes for turn_id in ids])
        known |= {UUID(bytes=bytes(digest)) for digest in earlier.values_list("digest", flat=True)}
    fresh = []
    for said in batch:
        new = {turn_id: turn for turn_id, turn in said.turns if turn_id not in known}
        known.update(new)
        fresh.append(list(new.items()))
    return fresh


def _session_name(run: ImportRun, turn: RecordedTurn) -> str:
    """The session's external id: the name it had, and which import brought it."""
    name = turn.session
    if len(name) > SESSION_NAME_MAX:
        name = f"{name[:100]} {blake2b(name.encode(), digest_size=12).hexdigest()}"
    return f"{name} (import {run.pk.hex[-12:]})"


def _sessions(run: ImportRun, turns: Sequence[RecordedTurn]) -> dict[str, Session]:
    """The turns' sessions by their external ids, made where they are new, and locked."""
    first: dict[str, RecordedTurn] = {}
    for turn in turns:
        first.setdefault(_session_name(run, turn), turn)
    made = [
        Session(
            id=Session.id_for(run.agent_id, name),
            org_id=run.org_id,
            agent_id=run.agent_id,
            external_id=name,
            end_user=turn.end_user,
            status=SessionStatus.COMPLETED,
            started_at=turn.at,
            last_turn_at=turn.at,
            completed_at=turn.at,
        )
        for name, turn in first.items()
    ]
    Session.objects.bulk_create(made, ignore_conflicts=True)
    ids = [session.pk for session in made]
    locked = Session.objects.of(run.org_id).filter(pk__in=ids).order_by("pk").select_for_update()
    return {session.external_id: session for session in locked}


def _checkpoint(run: ImportRun, session: Session, turn_id: UUID, turn: RecordedTurn) -> Checkpoint:
    """The session's next turn."""
    session.turn_count += 1
    session.started_at = min(session.started_at, turn.at)
    session.last_turn_at = session.completed_at = max(session.last_turn_at, turn.at)
    named = {"name": turn.speaker} if turn.speaker else {}
    answer = turn.assistant or ""
    return Checkpoint(
        org_id=run.org_id,
        agent_id=run.agent_id,
        session=session,
        number=session.turn_count,
        turn_id=turn_id,
        end_user=turn.end_user,
        messages=[{"role": "user", "content": turn.user} | named],
        user_text=turn.user,
        assistant_text=answer,
        answer_print=answer_print(answer),
        prompt_tokens=count(turn.user),
        completion_tokens=count(answer),
        is_imported=True,
        said_at=turn.at,
        finished_at=turn.at,
    )


def _item(
    run: ImportRun, said: Said, turns: Sequence[tuple[UUID, RecordedTurn]], sessions: dict[str, Session]
) -> ImportItem:
    if said.problem:
        return refused(run, said.record, said.problem)
    session = sessions.get(_session_name(run, turns[0][1])) if turns else None
    left = f"{said.left_out} turns over {TEXT_MAX_BYTES // 1024} KiB were left out" if said.left_out else ""
    return ImportItem(
        org_id=run.org_id,
        run=run,
        line=said.record.line,
        result=ImportResult.CREATED if turns else ImportResult.DUPLICATE_OF,
        reason=left if turns else "It is there already.",
        session=session,
        turns=len(turns),
        digest=turns[0][0].bytes if run.is_dry_run and turns else b"",
    )
