from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ibex.embedded import lock as module
from ibex.embedded.errors import StartError
from ibex.embedded.lock import only_one
from tests.embedded.conftest import alive

HOLD = """
import subprocess, sys, time
from pathlib import Path
from ibex.embedded.lock import only_one
with only_one(Path(sys.argv[1]), print) as lock:
    child = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=(lock,))
    print(child.pid, flush=True)
    time.sleep(60)
"""


def holder(path, seconds):
    """A process that holds the lock together with a child that lives so long, and that child's process id."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_ibex_on_the_same_folder_is_refused_with_the_process_to_stop(tmp_path):
    process, child = holder(tmp_path / "up.lock", 60)
    with (
        pytest.raises(StartError, match=rf"already runs on {tmp_path} \(process {process.pid}\)"),
        only_one(tmp_path / "up.lock", print),
    ):
        pass
    os.kill(child, 9)
    end(process)


def test_what_is_left_of_a_killed_run_is_waited_for(tmp_path):
    process, child = holder(tmp_path / "up.lock", 1)
    end(process)
    said = []
    with only_one(tmp_path / "up.lock", said.append):
        assert not alive(child)
    assert said == ["Waiting for what is left of a run that was killed…"]


def test_an_owner_that_nobody_has_collected_yet_is_dead(tmp_path):
    process, child = holder(tmp_path / "up.lock", 1)
    process.kill()  # and stays a zombie until `end`
    with only_one(tmp_path / "up.lock", print):
        assert not alive(child)
    end(process)


def test_what_does_not_end_by_itself_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "END_BY_THEMSELVES_S", 0.1)
    process, child = holder(tmp_path / "up.lock", 60)
    end(process)
    said = []
    with only_one(tmp_path / "up.lock", said.append):
        assert not alive(child)
    assert said[-1] == f"Killing {child}, which did not stop…"


def test_the_lock_can_be_taken_again_and_again(tmp_path):
    for _ in range(3):
        with only_one(tmp_path / "up.lock", print):
            assert (tmp_path / "up.lock").read_text().startswith(f"{os.getpid()} ")
