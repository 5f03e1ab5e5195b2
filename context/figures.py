"""The figures that are compared between sessions with memories and held-out ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RATE = "%"


class Better(StrEnum):
    """Which way is good."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """Σ `amount` / Σ `among` over sessions, both in SQL. In RATE: how often something happens among others."""

    name: str
    amount: str
    among: str = "1"
    unit: str = ""
    better: Better = Better.NEITHER

    @property
    def is_rate(self) -> bool:
        """It lies between 0 and 1, and is shown in hundredths."""
        return self.unit == RATE


FIGURES = (
    Figure(name="turns", amount="turns"),
    Figure(name="corrections", amount="corrections", among="turns", unit=RATE, better=Better.LOWER),
    Figure(name="prompt_tokens", amount="prompt_tokens", better=Better.LOWER),
    Figure(name="completion_tokens", amount="completion_tokens", better=Better.LOWER),
    Figure(
        name="cost",
        amount="CASE WHEN unpriced = 0 THEN cost ELSE 0 END",
        among="CASE WHEN unpriced = 0 THEN 1 ELSE 0 END",
        unit="US$",
        better=Better.LOWER,
    ),
    Figure(name="useful", amount="useful", among="verdicts", unit=RATE, better=Better.HIGHER),
    Figure(name="errors", amount="failed", among="turns + failed", unit=RATE, better=Better.LOWER),
)
