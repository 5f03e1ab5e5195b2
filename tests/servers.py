"""Loaded by pytest before Django: one PostgreSQL and one Valkey for the whole run, migrated, on sockets of their own.

pytest-xdist's workers inherit the addresses from the environment of the process that started them.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from ibex.embedded.testing import embedded_servers
from ibex.env import env

ROOT = Path(__file__).resolve().parent.parent
MARK = "IBEX_TEST_SERVERS"


def start() -> None:
    """Start the servers unless a parent pytest has."""
    if MARK in os.environ:
        return
    stack = ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ibex-test-data-"))
    addresses = stack.enter_context(embedded_servers())
    # The models' cache is shared between runs: building the graph takes a second.
    os.environ.setdefault("IBEX_MODEL_DIR", str(ROOT / ".cache" / "models"))
    os.environ.update(addresses.environment() | {MARK: "1", "IBEX_DATA_DIR": folder, "IBEX_LOG_LEVEL": "WARNING"})
    env.cache_clear()
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--database=owner", "--verbosity=0", "--skip-checks"],
        check=True,
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "ibex.settings", "PYTHONPATH": str(ROOT)},
    )


start()
