"""What an import came to, in words."""

from __future__ import annotations

from memories.models.imports import ImportResult, ImportRun

BESIDES = (("turns", "Turns added"), ("taken_back", "Taken back"), ("left", "Left"))
"""What is counted besides records."""


def tally(run: ImportRun) -> list[tuple[str, int]]:
    """What came of its records and how often, in one order; what there was none of is left out."""
    named = [*((value, str(label)) for value, label in ImportResult.choices), *BESIDES]
    return [(label, run.counts[key]) for key, label in named if run.counts.get(key)]
