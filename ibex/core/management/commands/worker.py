"""`manage.py worker`: the processes that run queued tasks."""

from __future__ import annotations

from typing import Any

from django_q.management.commands.qcluster import Command as ClusterCommand

from ibex.core.priority import stand_back


class Command(ClusterCommand):
    """django-q2's cluster, standing back for callers."""

    help = "Run queued tasks until told to stop."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        stand_back()
        super().handle(*args, **options)
