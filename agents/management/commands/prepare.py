"""`manage.py prepare`: run once before the web server and the workers start."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from agents import first_run
from ibex.core import schedules

OWNER = "owner"
LOCK = 0x1BE9
"""Advisory lock: two machines that start at once prepare one after the other."""


class Command(BaseCommand):
    """Migrates when there is something to migrate, makes the first organization where there is none, schedules jobs."""

    help = "Migrate, and make the first organization where there is none. Changes nothing the second time."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        with connections[OWNER].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                if _has_unapplied_migrations():
                    call_command("migrate", database=OWNER, interactive=False, verbosity=options["verbosity"])
                first_run.ensure(self.stdout.write)
                schedules.ensure()
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _has_unapplied_migrations() -> bool:
    executor = MigrationExecutor(connections[OWNER])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
