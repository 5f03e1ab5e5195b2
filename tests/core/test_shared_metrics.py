"""Processes that count in one folder: nothing is lost, nothing counts twice, and the dead are in flight no more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ibex.env import REPOSITORY

COUNT = """
import os, sys
from ibex.core import metrics
metrics.PROVIDER_FALLBACKS.inc(int(sys.argv[1]))
metrics.stage_seconds("total").observe(.02)
metrics.IN_FLIGHT.inc()
"""
FORK = """
if os.fork() == 0:
    metrics.PROVIDER_FALLBACKS.inc(100)
    os._exit(0)
os.wait()
"""
STAY = """
print("counted", flush=True)
sys.stdin.read()
"""
TELL = "from ibex.core import metrics; print(metrics.exposition().decode())"
Count = Callable[..., "subprocess.Popen[str]"]


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


@pytest.fixture
def count(folder: Path) -> Iterator[Count]:
    """Start a process that counts so many and stays."""
    with ExitStack() as stack:

        def start(amount: int, code: str = "") -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", COUNT + code + STAY, str(amount)],
                env=environment(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "counted\n"
            return process

        yield start


def told(folder: Path) -> str:
    """What another process says of all of them."""
    return subprocess.run(
        [sys.executable, "-c", TELL], env=environment(folder), capture_output=True, text=True, check=True
    ).stdout


def value(text: str, name: str) -> float:
    [found] = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def test_what_several_count_is_added_up(folder: Path, count: Count) -> None:
    first, second = count(3), count(4)
    text = told(folder)
    assert value(text, "ibex_provider_fallbacks_total") == 7
    assert value(text, "ibex_calls_in_flight") == 2
    assert value(text, 'ibex_stage_seconds_bucket{le="0.02",stage="total"}') == 2
    assert value(text, 'ibex_stage_seconds_count{stage="total"}') == 2
    assert "# HELP ibex_calls_in_flight Proxied calls being served.\n" in text
    for process in (first, second):
        assert value(text, f'process_resident_memory_bytes{{pid="{process.pid}"}}') > 1 << 20
    assert text.count("# HELP process_resident_memory_bytes") == 1


def test_a_killed_process_leaves_its_counts_and_no_call_in_flight(folder: Path, count: Count) -> None:
    count(3)
    killed = count(4)
    kill(killed)
    text = told(folder)
    assert value(text, "ibex_provider_fallbacks_total") == 7
    assert value(text, "ibex_calls_in_flight") == 1
    assert f'pid="{killed.pid}"' not in text


def test_who_is_started_again_counts_on_in_the_same_files(folder: Path, count: Count) -> None:
    count(1)
    files = 0
    for start in range(1, 4):
        kill(count(10))
        assert value(told(folder), "ibex_provider_fallbacks_total") == 1 + 10 * start
        files = files or len(list(folder.iterdir()))
    assert len(list(folder.iterdir())) == files


def test_a_forked_worker_counts_beside_the_process_it_came_from(folder: Path, count: Count) -> None:
    count(1, FORK)
    text = told(folder)
    assert value(text, "ibex_provider_fallbacks_total") == 101
    assert value(text, "ibex_calls_in_flight") == 1


def test_without_a_folder_that_can_be_used_a_process_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = told(tmp_path / "file")
    assert "metrics_not_shared" in text
    assert "ibex_calls_in_flight 0.0" in text


def test_what_is_counted_takes_its_place_on_the_disk_at_once(folder: Path, count: Count) -> None:
    """A full disk cannot end a process in the middle of a count."""
    count(1)
    assert all(path.stat().st_blocks * 512 >= path.stat().st_size > 0 for path in folder.glob("*.db"))
