"""A web process with settings of its own, and libraries of ours in front of those that are installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ibex.env import REPOSITORY
from tests.flow.conftest import free_port


@contextmanager
def web(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """Run one that imports from `folder` first and logs into it; its address."""
    port = free_port()
    environment = os.environ | settings | {"DJANGO_SETTINGS_MODULE": "ibex.settings", "IBEX_PORT": str(port)}
    environment["PYTHONPATH"] = f"{folder}{os.pathsep}{REPOSITORY}"
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "ibex.server"]
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def told(address: str) -> tuple[int, dict[str, Any]]:
    """Status and parts of /ready; (0, {}) while nobody listens."""
    try:
        with urllib.request.urlopen(f"{address}/ready", timeout=5) as answer:
            return answer.status, json.load(answer)["parts"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["parts"]
    except OSError:
        return 0, {}
