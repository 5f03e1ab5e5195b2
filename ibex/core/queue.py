"""The only module that knows the task queue: django-q2 on its ORM broker.

A task is a row, enqueued in the same transaction as the rows it is about, and acknowledged when it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.exceptions import TimeoutException as BrokenOff
from django_q.tasks import async_task

__all__ = ["TASK_S", "BrokenOff", "enqueue"]

_SETTINGS: Mapping[str, Any] = settings.Q_CLUSTER
TASK_S = float(_SETTINGS["timeout"])
"""After so long a worker breaks a task off (`BrokenOff` is raised in it, which is no `Exception`), and ends; who took
one up longer ago is not at it any more."""


def enqueue(function: str, *arguments: Any, group: str = "", name: str = "", not_before: datetime | None = None) -> str:
    """Queue `function` (a dotted path) for a worker; returns the task's id. Commits or rolls back with the caller.

    `not_before`: no worker takes it up earlier.
    """
    broker = {"broker": _Later(not_before)} if not_before else {}
    return str(async_task(function, *arguments, group=group or None, task_name=name or None, **broker))


class _Later(ORM):
    """The broker, for a task whose time has not come: to workers it is locked until then."""

    def __init__(self, not_before: datetime) -> None:
        super().__init__()
        self._not_before = not_before

    def enqueue(self, task: str) -> int:
        row = self.get_connection().create(key=Conf.CLUSTER_NAME, payload=task, lock=self._not_before)
        return int(row.pk)
