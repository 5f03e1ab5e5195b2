"""What can happen to an installation, each as a function that makes it happen once and returns when it is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tests.chaos.installation import PATIENCE_S, Installation
from tests.chaos.traffic import Traffic
from tests.flow.conftest import wait_for

Fault = Callable[[Installation, Traffic, Random], None]
TURNS_WITHOUT_REDIS = 40
"""Finished while Redis does not answer: all of them are in the spool."""


def kill(*parts: str) -> Fault:
    """`kill -9` of these parts at once."""

    def fault(installation: Installation, _traffic: Traffic, _random: Random) -> None:
        pids = [wait_for(lambda part=part: installation.pid(part), seconds=PATIENCE_S, what=part) for part in parts]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(
            lambda: all(installation.pid(part) not in {0, pid} for part, pid in zip(parts, pids, strict=True)),
            seconds=PATIENCE_S,
            what=f"the restart of {', '.join(parts)}",
        )

    return fault


def kill_a_backend(installation: Installation, _traffic: Traffic, random: Random) -> None:
    """`kill -9` of one of PostgreSQL's connections: the server throws all of them out and recovers."""
    rows = installation.ask_vault(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    os.kill(random.choice(rows)[0], signal.SIGKILL)


def kill_everything(installation: Installation, _traffic: Traffic, _random: Random) -> None:
    """The whole tree, supervisor included, as a machine that runs out of memory might; then somebody starts it."""
    installation.kill_everything()
    installation.start()


def stop_redis(installation: Installation, traffic: Traffic, _random: Random) -> None:
    """Redis hangs for a while, and goes on."""
    pid = installation.pid("valkey")
    os.kill(pid, signal.SIGSTOP)
    try:
        _turns_go_to_the_spool(installation, traffic)
    finally:
        os.kill(pid, signal.SIGCONT)


def stop_and_kill_redis(installation: Installation, traffic: Traffic, random: Random) -> None:
    """Redis hangs for a while, and dies of it."""
    pid = installation.pid("valkey")
    os.kill(pid, signal.SIGSTOP)
    try:
        _turns_go_to_the_spool(installation, traffic)
    finally:
        kill("valkey")(installation, traffic, random)


def kill_web_while_redis_is_stopped(installation: Installation, traffic: Traffic, random: Random) -> None:
    """The process that has spooled dies, perhaps in the middle of a line."""
    pid = installation.pid("valkey")
    os.kill(pid, signal.SIGSTOP)
    try:
        _turns_go_to_the_spool(installation, traffic)
        os.kill(installation.pid("web"), signal.SIGKILL)
    finally:
        os.kill(pid, signal.SIGCONT)


def _turns_go_to_the_spool(installation: Installation, traffic: Traffic) -> None:
    traffic.await_more(TURNS_WITHOUT_REDIS, seconds=PATIENCE_S)
    assert installation.spooled(), "no turn went to the spool"


FAULTS: dict[str, tuple[Fault, int]] = {
    "kill -9 a web process": (kill("web-2"), 2),
    "kill -9 both web processes": (kill("web", "web-2"), 2),
    "kill -9 drain": (kill("drain"), 3),
    "kill -9 worker": (kill("worker"), 3),
    "kill -9 Valkey": (kill("valkey"), 3),
    "kill -9 PostgreSQL": (kill("postgres"), 3),
    "kill -9 a PostgreSQL connection": (kill_a_backend, 3),
    "kill -9 Valkey and drain": (kill("valkey", "drain"), 3),
    "kill -9 all parts": (kill("postgres", "valkey", "web", "web-2", "drain", "worker"), 2),
    "kill -9 all parts and the supervisor": (kill_everything, 1),
    "Valkey hangs": (stop_redis, 3),
    "Valkey hangs, then kill -9": (stop_and_kill_redis, 3),
    "Valkey hangs, kill -9 web": (kill_web_while_redis_is_stopped, 2),
}
"""Each fault, and how often it strikes."""

ORDER_MAY_SUFFER = frozenset(name for name in FAULTS if "Valkey" in name or "all parts" in name)
"""Redis is away: turns wait in the spool, and more of them than a batch are sorted in behind later ones."""
