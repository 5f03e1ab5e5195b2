"""What every benchmark prints and writes: a table, a JSON file beside it, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A figure and its limit; `at_least` says which side of the limit is kept."""

    name: str
    value: float
    unit: str
    limit: float
    at_least: bool = False

    @property
    def ok(self) -> bool:
        """Whether it is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of all values lie; over the whole run, nothing left out."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on standard output, figures to the right."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(f"{cell:,.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=140).print(table)


def finish(name: str, promises: Sequence[Promise], **figures: Any) -> int:
    """Write benchmarks/results/NAME.json, print the promises, and return the exit code."""
    RESULTS.mkdir(exist_ok=True)
    kept = [asdict(promise) | {"ok": promise.ok} for promise in promises]
    (RESULTS / f"{name}.json").write_text(json.dumps({"promises": kept, **figures}, indent=2) + "\n")
    rows = [
        (p.name, float(p.value), "≥" if p.at_least else "≤", float(p.limit), p.unit, "kept" if p.ok else "BROKEN")
        for p in promises
    ]
    print_table("Promises", ("promise", "value", "", "limit", "unit", ""), rows)
    return 0 if all(promise.ok for promise in promises) else 1
