"""How the task queue is doing: what waits, what failed, and how what was given up is tried again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from django_q.models import OrmQ, Task

from ibex.core.ids import parse_uuid
from ibex.core.queue import enqueue

LOOKED_AT = 500
"""Of the failed tasks, the latest: whose each is cannot be asked of the database."""
KEPT_DAYS = 30
_QUEUE: Mapping[str, Any] = settings.Q_CLUSTER
ATTEMPTS_MAX = int(_QUEUE["max_attempts"])

_ERROR_TYPE = re.compile(r"^(?:\w+\.)*([A-Z]\w+)(?::|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """Tasks of all organizations together. `oldest`: since when the one that waits longest does."""

    waiting: int
    taken: int
    """By a worker, or waiting to be tried again."""
    oldest: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedTask:
    """A task that raised. `error` is its type: the text may say more than operators should read."""

    id: str
    function: str
    org_id: UUID
    subject: str
    """What it was about: an id."""
    error: str
    attempts: int
    failed_at: datetime

    @property
    def is_given_up(self) -> bool:
        """Whether it will not be tried again by itself."""
        return bool(self.attempts >= ATTEMPTS_MAX)


def depth() -> Depth:
    """One query."""
    now = timezone.now()
    is_waiting = Q(lock__lte=now)
    found = OrmQ.objects.aggregate(
        waiting=Count("pk", filter=is_waiting),
        taken=Count("pk", filter=~is_waiting),
        oldest=Min("lock", filter=is_waiting),
    )
    return Depth(**found)


def failed_tasks(org_id: UUID) -> list[FailedTask]:
    """Those of one organization, the latest first, among the latest LOOKED_AT of all."""
    return [task for task in _failed() if task.org_id == org_id]


def retry(org_id: UUID, task_id: str) -> bool:
    """Queue a task anew that was given up, in the caller's transaction; whether there is such a one."""
    row = Task.objects.select_for_update().filter(pk=task_id, success=False).first()
    task = _read(row) if row else None
    if row is None or task is None or task.org_id != org_id or not task.is_given_up:
        return False
    enqueue(row.func, *row.args, group=row.group or "")
    row.delete()
    return True


def forget_failed(at_most: int) -> int:
    """Remove failed tasks that nobody tried again in KEPT_DAYS; how many. Those that succeeded the queue counts out."""
    old = Task.objects.filter(success=False, stopped__lt=timezone.now() - timedelta(days=KEPT_DAYS))
    gone, _ = Task.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:at_most])).delete()
    return int(gone)


def _failed() -> Iterator[FailedTask]:
    rows = Task.objects.filter(success=False).order_by("-stopped")[:LOOKED_AT]
    return (task for row in rows if (task := _read(row)))


def _read(row: Task) -> FailedTask | None:
    """By convention a task's first argument is its organization; one that has none is not a tenant's."""
    org_id = parse_uuid(str(row.args[0])) if row.args else None
    if org_id is None:
        return None
    return FailedTask(
        id=row.pk,
        function=row.func,
        org_id=org_id,
        subject=str(row.args[1]) if len(row.args) > 1 else "",
        error=_error_type(str(row.result)),
        attempts=row.attempt_count,
        failed_at=row.stopped,
    )


def _error_type(told: str) -> str:
    """The class named in the last line of a traceback that begins like one."""
    names = [match[1] for line in reversed(told.splitlines()) if (match := _ERROR_TYPE.match(line))]
    return names[0] if names else ""
