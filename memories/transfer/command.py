"""What `manage.py import_memories` and `import_conversations` do: an import of a file of this machine, read here and
now, by the same steps as one that was uploaded.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agents.models import Agent
from agents.services.audit import SYSTEM
from ibex.core.errors import IbexError
from ibex.core.ids import parse_uuid
from ibex.core.priority import stand_back
from ibex.core.tenancy import cross_tenant, scope
from ibex.env import env
from memories.models import ImportItem, ImportRun
from memories.models.imports import ImportKind, ImportResult, ImportStatus
from memories.transfer.intake import Wanted, receive
from memories.transfer.telling import tally
from memories.transfer.work import ImportFailed, run_import

STEP_S = 1.0
"""Between two looks at how far it is."""
SHOWN_PROBLEMS = 20
AT_WORK = (ImportStatus.QUEUED, ImportStatus.RUNNING)


class ImportCommand(BaseCommand):
    """The command of one kind of file."""

    kind: ImportKind
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--agent", help="Slug or id; default: the first agent of this installation.")
        parser.add_argument("--end-user", default="", help="Whose it is, where a line does not say so itself.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what an import would do.")

    def handle(self, *args: Any, **options: Any) -> None:
        stand_back()
        agent = _agent(options["agent"])
        try:
            run = self._received(agent, options)
            self._read(run)
        except (OSError, IbexError, ImportFailed) as error:
            raise CommandError(_sentence(error)) from error

    def _received(self, agent: Agent, options: dict[str, Any]) -> ImportRun:
        wanted = Wanted(
            org_id=agent.org_id,
            agent_id=agent.pk,
            kind=self.kind,
            end_user=options["end_user"],
            file_name=options["file"].name,
            is_dry_run=options["dry_run"],
            actor=SYSTEM,
        )
        with options["file"].open("rb") as file:
            return receive(wanted, file, queued=False)

    def _read(self, run: ImportRun) -> None:
        with _bar() as show:
            while run.status in AT_WORK:
                run_import(str(run.org_id), str(run.pk), slice_s=STEP_S, queued=False)
                with scope(run.org_id):
                    run.refresh_from_db()
                show(run)
        if run.status != ImportStatus.SUCCEEDED:
            raise CommandError(run.error or f"The import was {run.status}.")
        self._tell(run)

    def _tell(self, run: ImportRun) -> None:
        counted = ", ".join(f"{label.lower()} {number:,}" for label, number in tally(run))
        self.stdout.write(f"{'Dry run' if run.is_dry_run else 'Import'} {run.pk}: {run.done:,} records: {counted}.")
        with scope(run.org_id):
            rejected = ImportItem.objects.of(run.org_id).filter(run=run, result=ImportResult.REJECTED).order_by("line")
            for item in rejected[:SHOWN_PROBLEMS]:
                self.stdout.write(f"  {item.line}: {item.field}: {item.reason}")


def _agent(named: str | None) -> Agent:
    wanted = named or _first_agent()
    key = parse_uuid(wanted)
    with cross_tenant("import") as system:
        rows = Agent.objects.using(system)
        found = list(rows.filter(pk=key) if key else rows.filter(slug=wanted)[:2])
    if len(found) != 1:
        raise CommandError("There is no such agent." if not found else "Several organizations have it: give its id.")
    return found[0]


def _first_agent() -> str:
    path = env().data_dir / "first-run.json"
    if not path.exists():
        raise CommandError("Say which agent: --agent SLUG, or its id.")
    return str(json.loads(path.read_text())["agent_id"])


@contextmanager
def _bar() -> Iterator[Any]:
    columns = (TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda run: progress.update(task, total=run.total, completed=run.done)


def _sentence(error: Exception) -> str:
    if isinstance(error, IbexError):
        return error.field_errors[0].message if error.field_errors else error.message
    return f"The file cannot be read: {type(error).__name__}." if isinstance(error, OSError) else str(error)
