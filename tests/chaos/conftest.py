"""One installation for all rounds, callers, and the table at the end."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.chaos.installation import ROOT, Installation
from tests.chaos.ledger import Ledger
from tests.chaos.traffic import Traffic
from tests.flow.conftest import free_port, wait_for

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
ROUNDS: dict[str, Ledger] = {}


@pytest.fixture(scope="session")
def provider_url() -> Iterator[str]:
    """An upstream that answers at once, in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(ROOT / "benchmarks" / "instant_upstream.py"), str(port)])

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(listens, seconds=60, what="the upstream")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def installation(provider_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """What `make up` starts."""
    installation = Installation(Path(tmp_path_factory.mktemp("chaos")), provider_url)
    try:
        installation.start()
        installation.lift_limits()
        yield installation
    finally:
        installation.stop()


@pytest.fixture
def traffic(installation: Installation) -> Iterator[Traffic]:
    """Callers who are calling."""
    facts = installation.facts()
    headers = {"Authorization": f"Bearer {facts['token']}", "X-IBEX-Agent-ID": facts["agent_slug"]}
    traffic = Traffic(url=f"http://127.0.0.1:{installation.port}/v1/chat/completions", headers=headers)
    traffic.begin()
    yield traffic
    traffic.end()


def pytest_terminal_summary() -> None:
    """What every round came to."""
    if not ROUNDS:
        return
    columns = ("turns finished", "recorded", "lost", "twice", "astray", "gaps", "out of order", "told again")
    table = Table(title=f"Chaos, CHAOS_SEED={SEED}", title_justify="left")
    table.add_column("fault", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for fault, ledger in ROUNDS.items():
        figures = (ledger.finished, ledger.recorded, ledger.lost, ledger.twice)
        more = (ledger.astray, ledger.gaps, ledger.out_of_order, ledger.told_again)
        table.add_row(fault, *(f"{figure:,}" for figure in (*figures, *more)))
    Console(width=140).print(table)
