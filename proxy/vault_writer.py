"""Writes a batch of one organization's turns and their extraction tasks, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils import timezone

from agents.choices import SessionStatus
from agents.models import Agent, Checkpoint, Session, Token, Trace
from agents.prints import answer_print
from agents.services.sessions import EXTRACT_TASK
from context import receipts
from context.lines import line_of
from ibex.core.bulk import insert
from ibex.core.queue import enqueue
from ibex.core.tenancy import scope
from ibex.core.tokens import count
from proxy import imported
from proxy.entry import TurnEntry

_PROGRESS = {
    "turn_count": "int",
    "prompt_tokens": "bigint",
    "completion_tokens": "bigint",
    "last_turn_at": "timestamptz",
    "status": "text",
    "completed_at": "timestamptz",
}
_SAVE_PROGRESS = f"""
    UPDATE agents_session SET {", ".join(f"{name} = progress.{name}" for name in _PROGRESS)}
    FROM unnest(%s::uuid[], {", ".join(f"%s::{kind}[]" for kind in _PROGRESS.values())})
      AS progress(id, {", ".join(_PROGRESS)})
    WHERE agents_session.org_id = %s AND agents_session.id = progress.id
"""  # noqa: S608 - names of ours
TOKENS = ("prompt_tokens", "completion_tokens")


def write_turns(org_id: UUID, entries: Sequence[TurnEntry]) -> None:
    """Everything or nothing. Turns that are there already, and those of agents that are gone, are left out."""
    with scope(org_id):
        entries = _unwritten(org_id, entries)
        if not entries:
            return
        sessions = _sessions(org_id, entries)
        checkpoints = _checkpoints(org_id, entries, sessions)
        insert([_trace(org_id, entry) for entry in entries])
        lines = {e.turn_id: _lines(e) for e in entries}
        receipts.keep(org_id, [(UUID(e.agent_id), UUID(e.turn_id), lines[e.turn_id]) for e in entries])
        receipts.keep_assemblies(org_id, [_assembly(e, e.assembly, lines[e.turn_id]) for e in entries if e.assembly])
        _mark_tokens(org_id, entries)
        _count_failed(org_id, entries)
        for session_id in {c.session_id for c in checkpoints if _is_mined(c)}:
            enqueue(EXTRACT_TASK, str(org_id), str(session_id), group=str(session_id))


def _is_mined(checkpoint: Checkpoint) -> bool:
    """Now, and not with a later turn or at the end of its session: that may have come already."""
    has_ended = checkpoint.session.status != SessionStatus.ACTIVE
    return has_ended or (checkpoint.may_learn and checkpoint.is_complete)


def _unwritten(org_id: UUID, entries: Sequence[TurnEntry]) -> list[TurnEntry]:
    agents = set(Agent.objects.of(org_id).filter(pk__in={e.agent_id for e in entries}).values_list("pk", flat=True))
    written = set(
        Trace.objects.of(org_id).filter(turn_id__in=[e.turn_id for e in entries]).values_list("turn_id", flat=True)
    )
    unwritten: dict[UUID, TurnEntry] = {}
    for entry in entries:
        turn_id = UUID(entry.turn_id)
        if UUID(entry.agent_id) in agents and turn_id not in written:
            unwritten[turn_id] = entry
    return list(unwritten.values())


def _sessions(org_id: UUID, entries: Iterable[TurnEntry]) -> dict[UUID, Session]:
    """The batch's sessions, made where they are new, and locked in one order: two drains cannot deadlock."""
    first = {UUID(e.session_id): e for e in reversed(list(entries)) if e.checkpoint is not None}
    insert(
        [
            Session(
                id=session_id,
                org_id=org_id,
                agent_id=UUID(entry.agent_id),
                external_id=entry.external_id,
                end_user=entry.end_user,
                started_at=_time(entry.trace["started_at"]),
                last_turn_at=_time(entry.trace["started_at"]),
                **_arm(entry),
            )
            for session_id, entry in sorted(first.items())
        ],
        unless_there=True,
    )
    locked = Session.objects.of(org_id).filter(pk__in=first).order_by("pk").select_for_update()
    return {session.pk: session for session in locked}


def _arm(entry: TurnEntry) -> dict[str, Any]:
    """Where the session stands in its agent's holdout; journals of before there was one do not say."""
    said = entry.checkpoint or {}
    return {name: said[name] for name in ("holdout_share", "is_held_out") if name in said}


def _checkpoints(org_id: UUID, entries: Iterable[TurnEntry], sessions: dict[UUID, Session]) -> list[Checkpoint]:
    checkpoints: list[Checkpoint] = []
    known = imported.Known(org_id)
    for entry in sorted(entries, key=lambda e: float(e.trace["started_at"])):
        session = sessions.get(UUID(entry.session_id))
        if entry.checkpoint is None or session is None or session.agent_id != UUID(entry.agent_id):
            continue
        said = _storable(entry.checkpoint)
        checkpoints += _imported(entry, said, session, known)
        checkpoint = _checkpoint(entry, said, session, turn_id=UUID(entry.turn_id))
        session.prompt_tokens += checkpoint.prompt_tokens
        session.completion_tokens += checkpoint.completion_tokens
        session.last_turn_at = max(session.last_turn_at, checkpoint.finished_at)
        # A turn that had ended when the session was completed, and came through the journal later, leaves it completed.
        if session.completed_at is None or checkpoint.finished_at > session.completed_at:
            session.status, session.completed_at = SessionStatus.ACTIVE, None
        known.note(checkpoint)
        checkpoints.append(checkpoint)
    insert(checkpoints)
    _save_progress(org_id, [sessions[pk] for pk in {c.session_id for c in checkpoints}])
    return checkpoints


def _save_progress(org_id: UUID, sessions: Sequence[Session]) -> None:
    """One statement of one shape: `bulk_update` builds six conditions a session, a quarter of the drain's time."""
    columns = [[getattr(session, name) for session in sessions] for name in ("pk", *_PROGRESS)]
    with connection.cursor() as cursor:
        cursor.execute(_SAVE_PROGRESS, [*columns, org_id])


def _imported(entry: TurnEntry, live: dict[str, Any], session: Session, known: imported.Known) -> list[Checkpoint]:
    """Turns from before the call that brought them: only their words are known, and not when they were said."""
    checkpoints = []
    for past in imported.past_turns(live.get("imported", ())):
        if known.has(past, session.agent_id, entry.end_user):
            continue
        said = live | {
            "messages": past.messages,
            "user_text": past.user_text,
            "assistant_text": past.assistant_text,
            "tool_calls": past.tool_calls,
            "finish_reason": "",
            "is_complete": True,
            "model": "",
            "prompt_tokens": None,
            "completion_tokens": None,
            "finished_at": live["said_at"],
        }
        turn_id = past.turn_id(session.agent_id, entry.end_user)
        checkpoint = _checkpoint(entry, said, session, turn_id=turn_id, is_imported=True)
        known.note(checkpoint)
        checkpoints.append(checkpoint)
    return checkpoints


def _checkpoint(
    entry: TurnEntry, said: dict[str, Any], session: Session, *, turn_id: UUID, is_imported: bool = False
) -> Checkpoint:
    """The session's next turn."""
    session.turn_count += 1
    # A provider that streamed no usage was counted for by the request path; imported turns are counted here.
    prompt, completion = (said[name] if is_imported else entry.trace.get(name, said[name]) for name in TOKENS)
    return Checkpoint(
        org_id=session.org_id,
        agent_id=session.agent_id,
        session=session,
        number=session.turn_count,
        turn_id=turn_id,
        request_id="" if is_imported else entry.trace["request_id"],
        end_user=entry.end_user,
        messages=said["messages"],
        user_text=said["user_text"],
        assistant_text=said["assistant_text"],
        tool_calls=said["tool_calls"],
        finish_reason=said["finish_reason"],
        is_complete=said["is_complete"],
        is_imported=is_imported,
        may_learn=said["may_learn"],
        model=said["model"],
        prompt_tokens=count(said["user_text"]) if prompt is None else prompt,
        completion_tokens=count(said["assistant_text"]) if completion is None else completion,
        answer_print=answer_print(said["assistant_text"], said["tool_calls"]),
        said_at=_time(said["said_at"]),
        finished_at=_time(said["finished_at"]),
    )


def _trace(org_id: UUID, entry: TurnEntry) -> Trace:
    said = entry.checkpoint or {}
    columns: dict[str, Any] = {name: said.get(name) or 0 for name in TOKENS}
    columns |= {name: _storable(value) for name, value in entry.trace.items() if name != "started_at"}
    return Trace(
        org_id=org_id,
        agent_id=UUID(entry.agent_id),
        session_id=UUID(entry.session_id) if entry.checkpoint else None,
        turn_id=UUID(entry.turn_id),
        started_at=_time(entry.trace["started_at"]),
        **columns,
    )


def _assembly(entry: TurnEntry, told: dict[str, Any], lines: receipts.Lines) -> receipts.AssemblyTold:
    session_id = UUID(entry.session_id) if entry.checkpoint else None
    return UUID(entry.agent_id), UUID(entry.turn_id), session_id, _storable(entry.end_user), told, lines


def _lines(entry: TurnEntry) -> list[list[Any]]:
    """Those of a web process of before, which said each value's name, too."""
    return entry.lines or [line_of(said) for said in entry.considered]


def _mark_tokens(org_id: UUID, entries: Sequence[TurnEntry]) -> None:
    used = {e.trace["token_id"] for e in entries if e.trace.get("token_id")}
    Token.objects.of(org_id).filter(pk__in=used).update(last_used_at=timezone.now())


def _count_failed(org_id: UUID, entries: Iterable[TurnEntry]) -> None:
    """What a session knows of calls without a turn; one that would have begun a session is nowhere."""
    failed = Counter((UUID(e.session_id), UUID(e.agent_id)) for e in entries if e.checkpoint is None)
    for (session_id, agent_id), times in sorted(failed.items()):
        session = Session.objects.of(org_id).filter(pk=session_id, agent_id=agent_id)
        session.update(failed_calls=F("failed_calls") + times)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _storable(value: Any) -> Any:
    """PostgreSQL's text and JSON hold no NUL."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value
