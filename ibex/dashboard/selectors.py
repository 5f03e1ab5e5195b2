"""Reads of the pages that cross apps, inside `scope(org)`; how many queries does not depend on how many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from agents.models import Session, Trace
from agents.selectors import traces_of
from memories.models import Memory

WINDOW_DAYS = 7
FEED_TURNS = 20
FAILED_FROM = 400
"""The lowest HTTP status of a call that failed."""

# One pass: a row for each day, and one for each of the two windows (`day` is empty there).
_CALLS = """
SELECT (started_at AT TIME ZONE 'UTC')::date AS day,
       started_at >= %(since)s AS is_current,
       count(*),
       count(*) FILTER (WHERE status >= %(failed)s),
       coalesce(sum(prompt_tokens + completion_tokens), 0),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY overhead_ms),
       count(DISTINCT agent_id)
FROM agents_trace
WHERE org_id = %(org)s AND started_at >= %(before)s
GROUP BY GROUPING SETS (((started_at AT TIME ZONE 'UTC')::date), (started_at >= %(since)s))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """The calls of one day or one window. `overhead_ms`: 95th percentile of IBEX's own time, None without calls."""

    calls: int = 0
    failed: int = 0
    tokens: int = 0
    overhead_ms: float | None = None
    agents: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The last WINDOW_DAYS days in UTC, today the last of them, and the totals of as many days before."""

    days: Sequence[date]
    daily: Sequence[Calls]
    total: Calls
    earlier: Calls
    learned: Sequence[int]
    """Memories made on each day and still there."""
    learned_earlier: int


def overview(org_id: UUID) -> Overview:
    """Two queries."""
    today = timezone.now().astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in range(WINDOW_DAYS - 1, -1, -1)]
    before = days[0] - timedelta(days=WINDOW_DAYS)
    daily, windows = _calls(org_id, since=days[0], before=before)
    made = _learned(org_id, before)
    return Overview(
        days=days,
        daily=[daily.get(day, Calls()) for day in days],
        total=windows.get(True, Calls()),
        earlier=windows.get(False, Calls()),
        learned=[made.get(day, 0) for day in days],
        learned_earlier=sum(count for day, count in made.items() if day < days[0]),
    )


def _calls(org_id: UUID, *, since: date, before: date) -> tuple[dict[date, Calls], dict[bool, Calls]]:
    parameters: dict[str, Any] = {
        "org": org_id,
        "since": _midnight(since),
        "before": _midnight(before),
        "failed": FAILED_FROM,
    }
    daily: dict[date, Calls] = {}
    windows: dict[bool, Calls] = {}
    with connection.cursor() as cursor:
        cursor.execute(_CALLS, parameters)
        for day, is_current, calls, failed, tokens, overhead_ms, agents in cursor.fetchall():
            row = Calls(calls=calls, failed=failed, tokens=int(tokens), overhead_ms=overhead_ms, agents=agents)
            if day is None:
                windows[is_current] = row
            else:
                daily[day] = row
    return daily, windows


def _learned(org_id: UUID, before: date) -> Mapping[date, int]:
    made = Memory.objects.of(org_id).filter(created_at__gte=_midnight(before), deleted_at__isnull=True)
    by_day = made.order_by().annotate(day=TruncDate("created_at", tzinfo=UTC)).values("day").annotate(count=Count("pk"))
    return dict(by_day.values_list("day", "count"))


def recent_turns(org_id: UUID) -> list[Trace]:
    """The latest calls, with agent and session."""
    return list(traces_of(org_id).select_related("agent", "session")[:FEED_TURNS])


def session_of(org_id: UUID, session_id: UUID) -> Session | None:
    """One session with its agent."""
    return Session.objects.of(org_id).filter(pk=session_id).select_related("agent").first()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
