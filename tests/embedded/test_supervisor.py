from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from ibex.embedded import supervisor as module
from ibex.embedded.errors import StartError
from ibex.embedded.logs import Logs
from ibex.embedded.process import Program
from ibex.embedded.supervisor import Service, Supervisor
from tests.embedded.conftest import PATIENCE_S, alive

STAY = "import time; time.sleep(60)"
# Writes its process id, then what makes it stop, into the folder it runs in.
REPORT = """
import os, signal, sys, time
name = sys.argv[1]
def stop(*_):
    with open("stopped", "a") as file:
        file.write(name + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
with open(name, "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""


@pytest.fixture
def said():
    return []


@pytest.fixture
async def supervisor(tmp_path, said, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    supervisor = Supervisor(logs=Logs(tmp_path), say=said.append)
    yield supervisor
    await supervisor.stop()


def python(folder, code, *arguments):
    return Program(argv=[sys.executable, "-c", code, *arguments], folder=folder)


def service(folder, name, code=REPORT, *, stage=0, **options):
    return Service(name=name, program=partial(python, folder, code, name), stage=stage, **options)


def reports(folder, name):
    """The process ids that a service has had so far."""
    path = folder / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def ready_when_it_reports(folder, name):
    return lambda pid: pid in reports(folder, name)


def reporting(folder, name, **options):
    return service(folder, name, ready=ready_when_it_reports(folder, name), **options)


async def eventually(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not (found := condition()):  # noqa: ASYNC110 - other processes set no Event
            await asyncio.sleep(0.02)
    return found


async def test_starting_returns_when_the_service_is_ready(supervisor, tmp_path):
    await supervisor.start(reporting(tmp_path, "web"))
    assert alive(*reports(tmp_path, "web"))


async def test_stages_stop_from_the_highest_to_the_lowest(supervisor, tmp_path):
    for name, stage in (("servers", 0), ("workers", 1), ("web", 2)):
        await supervisor.start(reporting(tmp_path, name, stage=stage))
    assert await supervisor.stop() == 3
    assert (tmp_path / "stopped").read_text().split() == ["web", "workers", "servers"]
    assert not any(alive(pid) for name in ("servers", "workers", "web") for pid in reports(tmp_path, name))


async def test_a_service_that_falls_over_is_started_again(supervisor, tmp_path, said):
    await supervisor.start(reporting(tmp_path, "web"))
    for round_ in range(1, 10):  # more often than failures are allowed: each time it had been ready
        await eventually(lambda count=round_: len(reports(tmp_path, "web")) == count)
        os.kill(reports(tmp_path, "web")[-1], signal.SIGKILL)
    await eventually(lambda: len(reports(tmp_path, "web")) == 10)
    assert said[0] == "web ended (signal 9); starting it again"


async def test_what_a_killed_service_left_running_is_ended(supervisor, tmp_path):
    code = "import os, time\nif os.fork() == 0:\n    open('child', 'w').write(f'{os.getpid()}\\n')\ntime.sleep(60)"
    await supervisor.start(service(tmp_path, "worker", code))
    (child,) = await eventually(lambda: reports(tmp_path, "child"))
    os.kill(os.getpgid(child), signal.SIGKILL)
    await eventually(lambda: not alive(child))


async def test_a_service_that_never_gets_ready_is_one_sentence_with_its_last_words(supervisor, tmp_path):
    broken = service(tmp_path, "web", "raise SystemExit('the port is taken')", ready=lambda _pid: False)
    with pytest.raises(StartError, match=r"web stopped before it was ready \(exit code 1: the port is taken; its log"):
        await supervisor.start(broken)


async def test_a_service_that_is_too_slow_is_one_sentence(supervisor, tmp_path):
    slow = service(tmp_path, "web", STAY, ready=lambda _pid: False, ready_timeout_s=0.1)
    with pytest.raises(StartError, match="web was not ready within 0 s"):
        await supervisor.start(slow)
    assert await supervisor.stop() == 1


async def test_services_that_are_started_together_are_all_ready(supervisor, tmp_path):
    await supervisor.start(*(reporting(tmp_path, name) for name in ("web", "web-2")))
    assert alive(*reports(tmp_path, "web"))
    assert alive(*reports(tmp_path, "web-2"))


async def test_of_services_that_are_started_together_one_that_fails_stops_the_waiting_for_the_others(
    supervisor, tmp_path
):
    slow = service(tmp_path, "web", STAY, ready=lambda _pid: False)
    broken = service(tmp_path, "web-2", "raise SystemExit('no memory')", ready=lambda _pid: False)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(StartError, match="web-2 stopped before it was ready"):
            await supervisor.start(slow, broken)
    assert await supervisor.stop() == 2


async def test_a_program_that_is_not_there_is_one_sentence(supervisor, tmp_path):
    missing = Service(name="web", program=lambda: Program(argv=[tmp_path / "none"]), stage=0)
    with pytest.raises(StartError, match="none cannot be run: No such file"):
        await supervisor.start(missing)


async def test_a_service_that_keeps_falling_over_ends_everything(supervisor, tmp_path):
    await supervisor.start(service(tmp_path, "worker", "raise SystemExit(3)"))
    with pytest.raises(StartError, match="worker keeps falling over"):
        await asyncio.wait_for(supervisor.broken(), PATIENCE_S)


async def test_a_service_that_ignores_the_signal_is_killed_in_the_end(supervisor, tmp_path, said):
    deaf = REPORT.replace("signal.SIGTERM, stop", "signal.SIGTERM, signal.SIG_IGN")
    ready = ready_when_it_reports(tmp_path, "web")
    await supervisor.start(service(tmp_path, "web", deaf, ready=ready, stop_grace_s=0.2))
    (pid,) = reports(tmp_path, "web")
    await supervisor.stop()
    assert not alive(pid)
    assert said == ["web did not stop within 0 s; killing it"]


async def test_running_once_waits_for_the_end_and_reports_a_failure(supervisor, tmp_path):
    await supervisor.run(service(tmp_path, "prepare", "open('done', 'w')"))
    assert (tmp_path / "done").exists()
    with pytest.raises(StartError, match=r"prepare failed \(exit code 1: no such table; its log is"):
        await supervisor.run(service(tmp_path, "prepare", "raise SystemExit('no such table')"))
    assert await supervisor.stop() == 0


async def test_stopping_in_the_middle_of_a_start_leaves_nothing(supervisor, tmp_path):
    starting = asyncio.create_task(supervisor.run(service(tmp_path, "prepare")))
    (pid,) = await eventually(lambda: reports(tmp_path, "prepare"))
    await supervisor.stop(starting)
    assert starting.cancelled()
    assert not alive(pid)


async def test_what_stands_on_something_is_started_again_after_it(supervisor, tmp_path):
    """A database that recovers for long costs its clients none of the restarts they are allowed."""
    has_recovered, seen = threading.Event(), []

    def recovered(pid):
        starts = reports(tmp_path, "postgres")
        return pid in starts and (pid == starts[0] or has_recovered.is_set())

    await supervisor.start(service(tmp_path, "postgres", ready=recovered))
    await supervisor.start(reporting(tmp_path, "web", stage=1, before=lambda: seen.append(has_recovered.is_set())))
    for name in ("web", "postgres"):
        os.kill(reports(tmp_path, name)[0], signal.SIGKILL)
    await eventually(lambda: len(reports(tmp_path, "postgres")) == 2)
    has_recovered.set()
    await eventually(lambda: len(reports(tmp_path, "web")) == 2)
    assert seen == [False, True]


async def test_a_defect_of_the_supervisor_is_not_silent(supervisor, tmp_path):
    def defect():
        if reports(tmp_path, "web"):
            raise ValueError

    await supervisor.start(reporting(tmp_path, "web", before=defect))
    os.kill(reports(tmp_path, "web")[0], signal.SIGKILL)
    with pytest.raises(StartError, match="IBEX failed to keep web running: ValueError"):
        await asyncio.wait_for(supervisor.broken(), PATIENCE_S)


async def test_before_runs_ahead_of_each_start(supervisor, tmp_path):
    seen = []
    await supervisor.start(reporting(tmp_path, "web", before=lambda: seen.append(len(reports(tmp_path, "web")))))
    os.kill(reports(tmp_path, "web")[0], signal.SIGKILL)
    await eventually(lambda: len(reports(tmp_path, "web")) == 2)
    assert seen == [0, 1]


def test_a_killed_supervisor_leaves_no_orphan(tmp_path, patiently):
    code = f"""
import asyncio, sys
from pathlib import Path
from ibex.embedded.logs import Logs
from ibex.embedded.supervisor import Supervisor
from tests.embedded.test_supervisor import reporting
async def main():
    supervisor = Supervisor(logs=Logs(Path({str(tmp_path)!r})), say=print)
    await supervisor.start(reporting(Path({str(tmp_path)!r}), "web"))
    await supervisor.broken()
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2])
    (pid,) = patiently(lambda: reports(tmp_path, "web"))
    parent.kill()
    parent.wait()
    patiently(lambda: not alive(pid))
