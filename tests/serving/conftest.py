from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Of a Unix socket."""
    return str(tmp_path / "socket")
