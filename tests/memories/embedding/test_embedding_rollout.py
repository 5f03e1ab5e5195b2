"""Changing the embedding model: a story of its own, because slots belong to the whole installation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ibex.env import REPOSITORY
from tests.servers import MARK

STORY = Path(__file__).with_name("rollout_story.py")


def test_the_embedding_model_is_changed_while_everything_is_used() -> None:
    environment = {name: value for name, value in os.environ.items() if name != MARK and "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(STORY), "-q", "-p", "no:xdist"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
