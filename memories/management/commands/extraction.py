"""`manage.py extraction`: sessions that could not be mined, and sending them back."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F

from agents.models import Organization
from ibex.core.tenancy import cross_tenant, scope
from memories.mining import failures
from memories.models import Extraction

STEPS = ("list", "replay")


class Command(BaseCommand):
    help = "List the sessions that could not be mined, or queue those again that were given up."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("step", choices=STEPS)
        parser.add_argument("--organization", default="", metavar="SLUG", help="Only this one; else all of them.")
        parser.add_argument("--session", type=UUID, metavar="ID", help="With replay: only this session.")

    def handle(self, *args: Any, **options: Any) -> None:
        organizations = _organizations(options["organization"])
        if options["step"] == "list":
            self._list(organizations)
        else:
            self._replay(organizations, options["session"])

    def _list(self, organizations: list[Organization]) -> None:
        shown = 0
        for organization in organizations:
            with scope(organization.pk):
                for line in _lines(organization):
                    self.stdout.write(line)
                    shown += 1
        if not shown:
            self.stdout.write("Every session was learned from.")

    def _replay(self, organizations: list[Organization], session_id: UUID | None) -> None:
        queued = 0
        for organization in organizations:
            with scope(organization.pk):
                if session_id is None:
                    queued += failures.replay_all(organization.pk)
                else:
                    queued += failures.replay(organization.pk, session_id)
        if session_id is not None and not queued:
            raise CommandError("This session is not among those that were given up.")
        self.stdout.write(f"{queued:,} sessions are queued again.")


def _organizations(slug: str) -> list[Organization]:
    """Those that have failures; or the one that is asked for."""
    with cross_tenant("extraction_command") as system:
        rows = Organization.objects.using(system).order_by("slug")
        if slug:
            found = list(rows.filter(slug=slug))
        else:
            failed = Extraction.objects.using(system).filter(failures__gt=0).values("org_id")
            found = list(rows.filter(pk__in=failed))
    if slug and not found:
        raise CommandError("There is no organization of that slug.")
    return found


def _lines(organization: Organization) -> Iterator[str]:
    for row in failures.failures_of(organization.pk).annotate(slug=F("agent__slug")):
        state = "given up" if row.given_up_at else "to be tried again"
        yield f"{organization.slug}  {row.slug}  {row.session_id}  {state}  {row.failures} failures  {row.error}"
