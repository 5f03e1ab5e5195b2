"""How a yes/no decision compares with the truth: what the tables of quality benchmarks are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = ("method", "cases", "precision", "recall", "F1", "false alarms", "AUC")

Row = dict[str, Any]
Line = list[Any]


@dataclass(frozen=True, kw_only=True)
class Hits:
    """What was said of each case, and what is true of it."""

    said: np.ndarray
    true: np.ndarray

    @property
    def precision(self) -> float:
        """Of those said, how many are true."""
        return float((self.said & self.true).sum() / max(1, self.said.sum()))

    @property
    def recall(self) -> float:
        """Of those true, how many were said."""
        return float((self.said & self.true).sum() / max(1, self.true.sum()))

    @property
    def false_alarms(self) -> float:
        """Of those not true, how many were said."""
        return float((self.said & ~self.true).sum() / max(1, (~self.true).sum()))

    def line(self, name: str, area: float | None = None) -> Line:
        """A line of the table; what the cases cannot tell is left out. `area`: the AUC of the score behind `said`."""
        total = self.precision + self.recall
        f1 = 2 * self.precision * self.recall / total if total else 0.0
        some, others = bool(self.true.any()), not self.true.all()
        figures = ((self.precision, some), (self.recall, some), (f1, some), (self.false_alarms, others))
        shown = [f"{value:.3f}" if told else "" for value, told in figures]
        return [name, len(self.said), *shown, "" if area is None else f"{area:.3f}"]


def rows_of(folder: Path, name: str, *, short: bool = False) -> list[Row]:
    """A JSON Lines file; every second row when short."""
    rows = [json.loads(line) for line in (folder / name).read_text().splitlines() if line.strip()]
    return rows[::2] if short else rows
