"""`manage.py drain`: the process that moves journaled turns into the vault."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connections

from ibex.core import metrics
from ibex.core.redis import RedisError
from proxy.drain import Drain

PAUSE_S = 1.0
"""Wait before a server that is away is asked again."""

_log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Move journaled turns into the vault until told to stop."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()

        def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)
        drain = Drain()
        is_open = False
        while not stop.is_set():
            try:
                if not is_open:
                    drain.open()
                    is_open = True
                drain.step()
            except (RedisError, OperationalError, InterfaceError, OSError) as error:
                metrics.BOUNDARY_ERRORS.labels(boundary="drain").inc()
                _log.warning("drain_waits", error=type(error).__name__)
                connections.close_all()
                is_open = False
                stop.wait(PAUSE_S)
