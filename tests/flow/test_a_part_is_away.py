"""Redis or PostgreSQL is frozen or killed while callers call: each gets the provider's answer, and hardly waits for it.

Calls that began and ended while the part was away are compared with those before it, of the same callers: the 95th
percentile of what an answer takes may grow by ADDED_MS. The first calls pay for finding out; about one in a hundred.
The short rounds look at no clock, since other tests share the machine.

A token's TTL is 30 s and it is verified again 20 s before that ends, so the longest freeze here ends before any
principal of these callers does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import quantiles

import psutil
import pytest

from tests.chaos.installation import PATIENCE_S, ROOT, Installation
from tests.flow.callers import Answered, Callers
from tests.flow.conftest import free_port, wait_for

ADDED_MS = 50.0
FROZEN_S, SHORTLY_S = 10.0, 3.0
CALLS_BEFORE = 150
CALLS_SHORTLY = 20
COMPLETE = 20
DRAINED_WITHIN_S = 120

Away = Callable[[Installation, Callers], tuple[float, float]]
"""Makes a part go away and come back; returns from when until when it surely was away."""


def freeze(part: str, seconds: float = FROZEN_S) -> Away:
    """SIGSTOP to all processes of the part, SIGCONT after so long."""

    def away(installation: Installation, callers: Callers) -> tuple[float, float]:
        server = psutil.Process(installation.pid(part))
        stopped: list[psutil.Process] = []
        try:
            # The server first: it makes no more children then.
            for process in (server, *server.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    stopped.append(process)
            began = time.monotonic()
            wait_for(lambda: time.monotonic() >= began + seconds, seconds=seconds + 5, what="the end of the freeze")
            callers.await_more(1, seconds=PATIENCE_S)
            return began, time.monotonic()
        finally:
            for process in reversed(stopped):
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    return away


def kill(part: str) -> Away:
    """SIGKILL; the supervisor starts it again. It was surely away from the signal until the new process is there."""

    def away(installation: Installation, _callers: Callers) -> tuple[float, float]:
        pid = installation.pid(part)
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        wait_for(lambda: installation.pid(part) not in {0, pid}, seconds=PATIENCE_S, what=f"the restart of {part}")
        return began, time.monotonic()

    return away


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """What `make up` starts, with an upstream that answers at once."""
    port = free_port()
    upstream = subprocess.Popen([sys.executable, str(ROOT / "benchmarks" / "instant_upstream.py"), str(port)])
    installation = Installation(Path(tmp_path_factory.mktemp("away")), f"http://127.0.0.1:{port}/v1")
    try:
        wait_for(lambda: listens(port), seconds=60, what="the upstream")
        installation.start()
        installation.lift_limits()
        yield installation
    finally:
        installation.stop()
        upstream.terminate()
        upstream.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def callers(installation: Installation) -> Iterator[Callers]:
    """Callers who are calling."""
    facts = installation.facts()
    headers = {"Authorization": f"Bearer {facts['token']}", "X-IBEX-Agent-ID": facts["agent_slug"]}
    callers = Callers(
        url=f"http://127.0.0.1:{installation.port}/v1/chat/completions", headers=headers | {"X-IBEX-Memory": "read"}
    )
    callers.begin()
    try:
        callers.await_more(CALLS_SHORTLY, seconds=PATIENCE_S)
        yield callers
    finally:
        callers.end()


def go_through(installation: Installation, callers: Callers, away: Away) -> list[Answered]:
    """The calls while the part was away, once all parts are back and all turns are recorded. All were answered."""
    meanwhile = callers.between(*away(installation, callers))
    wait_for(installation.is_ready, seconds=PATIENCE_S, what="all parts")
    callers.await_more(CALLS_SHORTLY, seconds=PATIENCE_S)
    return list(meanwhile)


def settle(installation: Installation, callers: Callers) -> None:
    """Nobody was left without an answer, and none is lost."""
    callers.end()
    assert [each for each in callers.answers if each.status != 200 or not each.is_whole] == []
    wait_for(lambda: not installation.waiting_turns(), seconds=DRAINED_WITHIN_S, what="a drain with nothing to do")
    assert lost(installation, callers) == set()


def lost(installation: Installation, callers: Callers) -> set[str]:
    """Turns whose end their callers saw and that are not in the vault."""
    recorded = {text for (text,) in installation.ask_vault("SELECT user_text FROM agents_checkpoint")}
    return {each.marker for each in callers.answers} - recorded


def added_ms(healthy: Sequence[Answered], meanwhile: Sequence[Answered], percentile: int) -> float:
    """How much longer the answers of that percentile took."""
    before, during = ([each.took_ms for each in calls] for calls in (healthy, meanwhile))
    return quantiles(during, n=100)[percentile - 1] - quantiles(before, n=100)[percentile - 1]


@pytest.mark.parametrize("part", ["valkey", "postgres"])
def test_while_a_part_hangs_for_a_moment_every_caller_is_answered_and_told(
    installation: Installation, callers: Callers, part: str
) -> None:
    meanwhile = go_through(installation, callers, freeze(part, SHORTLY_S))
    assert meanwhile
    assert [each for each in meanwhile if not each.lacks] == []
    settle(installation, callers)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", [freeze, kill])
@pytest.mark.parametrize("part", ["valkey", "postgres"])
def test_hardly_anybody_waits_for_a_part_that_is_away(
    installation: Installation, callers: Callers, fault: Callable[..., Away], part: str
) -> None:
    callers.await_complete(COMPLETE, seconds=PATIENCE_S)
    began = time.monotonic()
    callers.await_more(CALLS_BEFORE, seconds=PATIENCE_S)
    healthy = callers.between(began, time.monotonic())
    meanwhile = go_through(installation, callers, fault(part))
    assert [each for each in meanwhile if not each.lacks] == []
    callers.await_complete(COMPLETE, seconds=PATIENCE_S)
    settle(installation, callers)
    if len(meanwhile) > 1:  # a part that was killed may be back sooner
        report(f"{part}, {fault.__name__}", healthy, meanwhile)
        assert added_ms(healthy, meanwhile, 95) < ADDED_MS


def report(what: str, healthy: Sequence[Answered], meanwhile: Sequence[Answered]) -> None:
    """For who runs it with -s."""
    shares = ", ".join(f"p{p} {added_ms(healthy, meanwhile, p):+.1f}" for p in (50, 95, 99))
    slowest = max(each.took_ms for each in meanwhile)
    print(f"{what}: {len(meanwhile)} calls, added ms {shares}, slowest {slowest:.0f}")
