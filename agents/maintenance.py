"""Sessions end when nobody speaks in them any more; turns and traces go when their time is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from agents.choices import SessionStatus
from agents.models import Checkpoint, Organization, Session, Trace
from agents.services.sessions import ARCHIVE_TASK, EXTRACT_TASK
from ibex.core.ids import first_uuid7
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from ibex.core.queue import enqueue
from ibex.env import env

SESSIONS_AT_ONCE = 100
TURNS_AT_ONCE = 200
"""A turn may hold a megabyte, and edges of excerpts and memories go with it, while other writers wait."""
ROWS_AT_ONCE = 500

_FORGET_SESSIONS = """
    DELETE FROM agents_session WHERE id IN (
        SELECT s.id FROM agents_session AS s
        WHERE s.org_id = %(org)s AND s.status <> %(active)s
            AND s.last_turn_at < %(before)s AND s.created_at < %(before)s
            AND NOT EXISTS (SELECT 1 FROM agents_checkpoint AS c WHERE c.org_id = s.org_id AND c.session_id = s.id)
        ORDER BY s.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
"""


def every_organization(system: str) -> Iterable[UUID]:
    """All of them, suspended ones too: what they keep has its time as well."""
    return Organization.objects.using(system).order_by("pk").values_list("pk", flat=True)


def end_idle_sessions(place: Place | None) -> Iterator[Progress]:
    """Complete or abandon what has been silent, and queue what was not mined of it."""

    def organizations(system: str) -> Iterable[UUID]:
        return owners(_idle(Session.objects.using(system)))

    return sweep("end_idle_sessions", organizations, _end_idle, place)


def forget_traces(place: Place | None) -> Iterator[Progress]:
    """Remove traces once the organization's retention is over."""
    return sweep("forget_traces", every_organization, _forget_traces, place)


def forget(door: str, before: datetime, at_most: int) -> int:
    """Ask a `ForgetFunction` of the tenant that is set for rows made before that time; how many went."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {door}(%s, %s)", [first_uuid7(before), at_most])
        return int(cursor.fetchone()[0])


def forget_turns(org_id: UUID) -> Batch:
    """Remove turns, and with them their excerpts, once the organization's retention is over; then empty sessions.

    One batch, in the organization's scope. Memories learned from a turn lose the way back to it: whoever calls this
    keeps their other writers out (`memories.maintenance.turns`).
    """
    before = kept_since(org_id, "turn_retention_days")
    if before is None:
        return Batch()
    turns, sessions = forget("ibex_forget_turns", before, TURNS_AT_ONCE), _forget_sessions(org_id, before)
    return Batch(counts={"turns": turns, "sessions": sessions}, has_more=TURNS_AT_ONCE in {turns, sessions})


def kept_since(org_id: UUID, days_field: str) -> datetime | None:
    """Since when an organization keeps what that field of it speaks of; None when it is gone."""
    days = Organization.objects.filter(pk=org_id).values_list(days_field, flat=True).first()
    return timezone.now() - timedelta(days=days) if days is not None else None


def _idle(sessions: QuerySet[Session]) -> QuerySet[Session]:
    minutes = Coalesce(F("agent__idle_minutes"), env().session_idle_minutes)
    idle = ExpressionWrapper(minutes * Value(timedelta(minutes=1)), output_field=DurationField())
    return sessions.filter(status=SessionStatus.ACTIVE, last_turn_at__lt=Now() - idle)


def _end_idle(org_id: UUID, _after: UUID | None) -> Batch:
    turns = Checkpoint.objects.of(org_id).filter(session=OuterRef("pk"))
    rows: Any = (
        _idle(Session.objects.of(org_id))
        .annotate(
            was_finished=Subquery(turns.order_by("-number").values("is_complete")[:1]),
            has_more_to_mine=Exists(turns.filter(number__gt=OuterRef("last_extracted_turn"))),
        )
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )
    ended: Counter[str] = Counter()
    now = timezone.now()
    sessions = list(rows[:SESSIONS_AT_ONCE])
    for session in sessions:
        session.status = SessionStatus.COMPLETED if session.was_finished else SessionStatus.ABANDONED
        session.completed_at = now
        ended[f"sessions_{session.status}"] += 1
        task = EXTRACT_TASK if session.has_more_to_mine else ARCHIVE_TASK
        enqueue(task, str(org_id), str(session.pk), group=str(session.pk))
    Session.objects.bulk_update(sessions, ["status", "completed_at"])
    return Batch(counts=ended, has_more=len(sessions) == SESSIONS_AT_ONCE)


def _forget_sessions(org_id: UUID, before: datetime) -> int:
    """In one statement, because the edges that point at a session are the database's to follow."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FORGET_SESSIONS,
            {"org": org_id, "active": SessionStatus.ACTIVE, "before": before, "most": TURNS_AT_ONCE},
        )
        return int(cursor.rowcount)


def _forget_traces(org_id: UUID, _after: UUID | None) -> Batch:
    before = kept_since(org_id, "trace_retention_days")
    if before is None:
        return Batch()
    old = Trace.objects.of(org_id).filter(started_at__lt=before).order_by("started_at", "pk")
    old = old.select_for_update(skip_locked=True)
    gone, _ = Trace.objects.of(org_id).filter(pk__in=list(old.values_list("pk", flat=True)[:ROWS_AT_ONCE])).delete()
    return Batch(counts={"traces": gone}, has_more=gone == ROWS_AT_ONCE)
