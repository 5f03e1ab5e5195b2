"""`manage.py drain`: the process that moves journaled turns into the vault."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any
from uuid import UUID

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from ibex.core import metrics
from ibex.core.priority import stand_back
from ibex.core.redis import RedisError
from proxy.dead_letters import replay_dead
from proxy.drain import Drain
from proxy.journal import STREAM
from proxy.process_memory import settle

GATHER_S = 0.4
"""Pause after a batch that was not full: one batch of many turns costs less than many of one."""
PAUSE_S = 1.0
"""Wait before a server that is away is asked again, or the drain at work whether it still is."""

_log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Move journaled turns into the vault until told to stop."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--replay-dead",
            action="store_true",
            help="Instead, put turns that could not be written back into the journal, once, and say how many.",
        )
        parser.add_argument("--organization", type=UUID, help="With --replay-dead: of this one only.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["replay_dead"]:
            self._replay_dead(options["organization"])
        else:
            stand_back()
            settle()
            _drain(_stopped_by_signals())

    def _replay_dead(self, org_id: UUID | None) -> None:
        try:
            count = replay_dead(STREAM, org_id)
        except RedisError as error:
            raise CommandError(f"Redis does not answer ({type(error).__name__}).") from error
        self.stdout.write(f"{count:,} turns are in the journal again.")


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


def _drain(stop: threading.Event) -> None:
    drain = Drain()
    is_open = False
    while not stop.is_set():
        try:
            if not is_open:
                drain.open()
                is_open = True
            moved = drain.step()
        except Exception as error:  # noqa: BLE001 - the boundary: whatever is wrong may be right in a second
            metrics.BOUNDARY_ERRORS.labels(boundary="drain").inc()
            _log.warning("drain_waits", error=type(error).__name__)
            connections.close_all()
            is_open = False
            stop.wait(PAUSE_S)
        else:
            stop.wait(PAUSE_S if moved is None else 0 if drain.has_more or not moved else GATHER_S)
