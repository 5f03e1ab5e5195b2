"""How long the memory path waits here. Its limits are meant for two cores of a server; a slower machine may say so."""

from __future__ import annotations

from ibex.env import env


def patient(seconds: float) -> float:
    """`seconds` as shipped, times the setting IBEX_PATIENCE."""
    return seconds * env().patience
