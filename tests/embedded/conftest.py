"""Servers of their own for tests that stop, break and refill them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ibex.embedded.addresses import Addresses
from ibex.embedded.layout import Layout
from ibex.embedded.testing import embedded_servers
from ibex.env import env

PATIENCE_S = 30.0
OUR_VARIABLES = ("DATABASE_URL", "REDIS_URL", "IBEX_APP_DATABASE_URL", "IBEX_SYSTEM_DATABASE_URL", "IBEX_SECRET_KEY")


@pytest.fixture(scope="module")
def servers() -> Iterator[Addresses]:
    """A provisioned PostgreSQL and Valkey that this module may do anything to."""
    with embedded_servers() as addresses:
        yield addresses


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """An empty data folder."""
    layout = Layout(tmp_path / "data")
    layout.make()
    yield layout
    shutil.rmtree(layout.run, ignore_errors=True)  # it may be a short folder elsewhere


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Start from an environment without any of ours, in a fresh data folder; `setting(NAME="value")` adds one."""

    def add(**variables: Any) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        env.cache_clear()

    for name in OUR_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    add(IBEX_DATA_DIR=tmp_path / "data")
    yield add
    monkeypatch.undo()
    env.cache_clear()


@pytest.fixture
def patiently() -> Callable[[Callable[[], Any]], Any]:
    """Wait for a condition and return what made it true."""

    def wait(condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
        return found

    return wait


def alive(pid: int) -> bool:
    """Whether a process runs, and is more than a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def bare_environment(**variables: object) -> dict[str, str]:
    """Our environment without any database of the test run."""
    kept = {name: value for name, value in os.environ.items() if name not in OUR_VARIABLES}
    return kept | {name: str(value) for name, value in variables.items()}
