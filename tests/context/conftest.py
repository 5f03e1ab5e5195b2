"""A busy machine must not decide these tests: assembly is given all the time it wants, unless a test is about time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from context import assembler


@pytest.fixture(autouse=True, scope="module")
def promised() -> Iterator[tuple[float, float]]:
    """The limits of the product in seconds, which are not in force: of retrieval, and of all."""
    limits = assembler.RETRIEVAL_DEADLINE_S, assembler.WALL_S
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembler, "RETRIEVAL_DEADLINE_S", 30.0)
        patch.setattr(assembler, "WALL_S", 60.0)
        yield limits


@pytest.fixture(autouse=True)
def unlearned() -> None:
    """What an earlier test taught of late searches decides nothing."""
    assembler.admission_here.forget()
    assembler.admission_here.lag.seconds = 0.0
