"""The only module that knows the task queue: django-q2 on its ORM broker.

A task is a row, enqueued in the same transaction as the rows it is about, and acknowledged when it is done.
"""

from __future__ import annotations

from typing import Any

from django_q.tasks import async_task


def enqueue(function: str, *arguments: Any, group: str = "", name: str = "") -> str:
    """Queue `function` (a dotted path) for a worker; returns the task's id. Commits or rolls back with the caller."""
    return str(async_task(function, *arguments, group=group or None, task_name=name or None))
