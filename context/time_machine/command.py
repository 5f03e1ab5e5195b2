"""`manage.py replay-context REQUEST_ID`: why did it see that, and what would it see today?"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from context.time_machine.comparing import as_json, compare
from context.time_machine.past_turn import find, read
from context.time_machine.telling import table
from ibex.core.errors import IbexError
from ibex.core.tenancy import scope


class Command(BaseCommand):
    help = "Assemble a past turn as of its time and with today's memories, and print the difference. Changes nothing."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("request_id", help="X-Request-ID of the call; the id of its trace or turn works too.")
        parser.add_argument("--json", action="store_true", help="For programs.")
        parser.add_argument("--messages", action="store_true", help="With --json: both message lists as well.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            trace = find(options["request_id"])
            with scope(trace.org_id):
                comparison = compare(read(trace), timezone.now())
                said = as_json(comparison, with_messages=options["messages"])
                lines = list(table(comparison))
        except IbexError as error:
            raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode())
        else:
            self.stdout.write("\n".join(lines))
