"""The sessions that are compared, summed in the database: one statement, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from agents.choices import SessionStatus
from context.figures import FIGURES
from ibex.core import metrics
from ibex.core.redis import RedisError, org_key, redis

SESSIONS_MAX = 200_000
"""Of a longer period, the latest: what one answer may cost."""
CACHED_S = 60
COMPARED = "compared"


class Left(StrEnum):
    """Why a session is compared with none."""

    NO_HOLDOUT = "no_holdout"
    """It began when no sessions were held out."""
    RUNNING = "running"
    UNREAD = "unread"
    """Its turns have not all been read yet."""
    OFF = "off"
    SHADOW = "shadow"
    CHANGED = "changed"


Row = Sequence[Any]
"""State (COMPARED or a `Left`), share, whether held out, sessions, those degraded, then the sums of each figure."""
FIRST_SUM = 5
_SUMS = (
    "count(*) FILTER (WHERE {y} > 0)",
    "sum({x})",
    "sum({y})",
    "sum(({x}) * ({x}))",
    "sum(({x}) * ({y}))",
    "sum(({y}) * ({y}))",
    "count(*) FILTER (WHERE {x} > 0)",
    "count(*) FILTER (WHERE {x} < {y})",
)
"""In the order of the fields of `Sums`."""
_COLUMNS = ", ".join(
    f"coalesce({each.format(x=f'({figure.amount})::float8', y=f'({figure.among})::float8')}, 0)"
    for figure in FIGURES
    for each in _SUMS
)
_STATEMENT = f"""
    WITH said AS (
        SELECT session_id, count(*) AS verdicts, count(*) FILTER (WHERE useful) AS useful FROM (
            SELECT DISTINCT ON (turn_id, actor) session_id, useful FROM context_feedback
            WHERE org_id = %(org)s AND memory_id IS NULL AND agent_id = %(agent)s AND session_id IS NOT NULL
            ORDER BY turn_id, actor, id DESC
        ) AS latest GROUP BY session_id
    ), begun AS (
        SELECT id, holdout_share, is_held_out, failed_calls AS failed, status = %(active)s AS is_running,
               last_read_turn < turn_count AS is_unread
        FROM agents_session
        WHERE org_id = %(org)s AND agent_id = %(agent)s AND last_turn_at >= %(since)s
          AND started_at >= %(since)s AND started_at < %(until)s
        ORDER BY last_turn_at DESC LIMIT %(most)s
    ), session AS (
        SELECT begun.holdout_share, begun.is_held_out, begun.failed, o.turns, o.corrections, o.prompt_tokens,
               o.completion_tokens, o.cost, o.unpriced, o.degraded,
               coalesce(said.verdicts, 0) AS verdicts, coalesce(said.useful, 0) AS useful,
               CASE WHEN begun.holdout_share = 0 THEN '{Left.NO_HOLDOUT}' WHEN is_running THEN '{Left.RUNNING}'
                    WHEN is_unread OR o.turns IS NULL THEN '{Left.UNREAD}' WHEN o.mixed <> '' THEN o.mixed
                    ELSE '{COMPARED}' END AS state
        FROM begun LEFT JOIN context_outcome o ON o.org_id = %(org)s AND o.session_id = begun.id
        LEFT JOIN said ON said.session_id = begun.id
    )
    SELECT state, holdout_share, is_held_out, count(*), count(*) FILTER (WHERE degraded > 0), {_COLUMNS}
    FROM session GROUP BY state, holdout_share, is_held_out
"""  # noqa: S608 - constants of ours


def sums_of(org_id: UUID, agent_id: UUID, since: date, until: date) -> list[Row]:
    """The sums by state, share and group of sessions that began on these days, as they were up to CACHED_S ago.

    Inside the tenant's scope. A cache that does not answer is counted, and done without.
    """
    key = org_key(org_id, "effect", agent_id, since.isoformat(), until.isoformat())
    try:
        known = redis().get(key)
        if known is not None:
            return list(orjson.loads(known))
        rows = _asked(org_id, agent_id, since, until)
        redis().set(key, orjson.dumps(rows), ex=CACHED_S)
    except RedisError:
        metrics.FAIL_OPEN.labels(step="effect_cache").inc()
        return _asked(org_id, agent_id, since, until)
    return rows


def _asked(org_id: UUID, agent_id: UUID, since: date, until: date) -> list[Row]:
    given: dict[str, Any] = {
        "org": org_id,
        "agent": agent_id,
        "since": datetime.combine(since, time(), UTC),
        "until": datetime.combine(until + timedelta(days=1), time(), UTC),
        "active": SessionStatus.ACTIVE,
        "most": SESSIONS_MAX,
    }
    with connection.cursor() as cursor:
        # Every session has its row in each table: where the planner takes them for few, it would loop through them all.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(_STATEMENT, given)
        rows: list[Row] = [list(row) for row in cursor.fetchall()]
        cursor.execute("SET LOCAL enable_nestloop = DEFAULT")
    return rows
