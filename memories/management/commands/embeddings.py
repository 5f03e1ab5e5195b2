"""`manage.py embeddings`: the model of the vectors, and how to change it while everything runs."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ibex.core.errors import IbexError
from ibex.core.job_runs import enqueue_run
from ibex.core.priority import stand_back
from memories import filling, rollout
from memories.models import VectorSlot
from memories.slots import LOOK_EVERY_S

State = VectorSlot.State

STEPS = ("status", "prepare", "switch", "finish", "abandon")
TOLD_EVERY_S = 10.0


class Command(BaseCommand):
    help = "Show the model of the vectors, or change it: prepare MODEL, switch, finish (or abandon before the switch)."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("step", choices=STEPS)
        parser.add_argument("model", nargs="?", default="", help="With prepare: the model that comes next.")
        parser.add_argument("--here", action="store_true", help="With prepare: fill in this process, not in a worker.")
        parser.add_argument("--now", action="store_true", help="With finish: without waiting for slower processes.")

    def handle(self, *args: Any, **options: Any) -> None:
        steps: dict[str, Callable[[], None]] = {
            "status": self._status,
            "prepare": lambda: self._prepare(options["model"], here=options["here"]),
            "switch": self._switch,
            "finish": lambda: self._clear(State.RETIRING, settled=options["now"]),
            "abandon": lambda: self._clear(State.FILLING, settled=True),
        }
        try:
            steps[options["step"]]()
        except IbexError as error:
            raise CommandError(error.message) from error

    def _status(self) -> None:
        for one in rollout.status():
            rows = f"{one.filled} rows filled, {one.missing} missing" if one.slot.model else "-"
            self.stdout.write(f"{one.slot.name}  {one.state:8}  {one.slot.model or '-':32}  {rows}")

    def _prepare(self, model: str, *, here: bool) -> None:
        if not model:
            raise CommandError("Say which model: `manage.py embeddings prepare MODEL`.")
        rollout.prepare(model)
        if here:
            self._fill_here()
        else:
            enqueue_run(filling.FILL_JOB)
            self.stdout.write("A worker fills the other slot; `manage.py embeddings status` shows how far it is.")
        self._status()

    def _fill_here(self) -> None:
        stand_back()
        made, told = 0, time.monotonic()
        for progress in filling.fill():
            made += progress.counts["vectors_made"]
            if time.monotonic() - told > TOLD_EVERY_S:
                told = time.monotonic()
                self.stdout.write(f"{made} vectors made")

    def _switch(self) -> None:
        slot = rollout.switch()
        self.stdout.write(
            f"{slot.model} serves. Processes that run change over within {LOOK_EVERY_S:.0f} s and the time that they "
            "take to load it; `finish` then empties the other slot, and until then `switch` goes back."
        )

    def _clear(self, expected: State, *, settled: bool) -> None:
        emptied = sum(rollout.clear(expected=expected, settled=settled))
        self.stdout.write(f"{emptied} rows emptied.")
        self._status()
