"""The ranking formula (SPEC section 6): what a memory is worth to this prompt, in components that can be shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from context.desk_read import HotMemory

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"relevance": 0.40, "recency": 0.25, "usefulness": 0.20, "confidence": 0.10, "frequency": 0.05}
)
HALF_LIFE_DAYS = 14.0
HALF_LIVES_DAYS: Mapping[str, float] = MappingProxyType({})
"""By category; one that is not named here has HALF_LIFE_DAYS."""
FREQUENT_INJECTIONS = 50
"""From here on, more injections count no more."""
DAY_S = 86_400.0
COMPONENT_DIGITS = 4
"""What a reader of a receipt is told of a component: more than one needs."""

if not math.isclose(sum(WEIGHTS.values()), 1.0):
    raise ValueError("The weights of the score must sum to 1.")


_LN_2 = math.log(2)
_RELEVANCE, _RECENCY, _USEFULNESS, _CONFIDENCE, _FREQUENCY = WEIGHTS.values()


class Components(NamedTuple):
    """The five parts of a score, each from 0 to 1, in the order of WEIGHTS. A tuple: each call makes a hundred."""

    relevance: float
    recency: float
    usefulness: float
    confidence: float
    frequency: float

    @property
    def total(self) -> float:
        """The score, from 0 to 1."""
        relevance, recency, usefulness, confidence, frequency = self
        return (
            _RELEVANCE * relevance
            + _RECENCY * recency
            + _USEFULNESS * usefulness
            + _CONFIDENCE * confidence
            + _FREQUENCY * frequency
        )


def components(
    memory: HotMemory, *, relevance: float, now: float, half_lives: Mapping[str, float] = HALF_LIVES_DAYS
) -> Components:
    """Score `memory` at `now` (seconds since 1970)."""
    half_life = half_lives.get(memory.category, HALF_LIFE_DAYS) if half_lives else HALF_LIFE_DAYS
    usefulness, confidence, injections = memory.usefulness, memory.confidence, memory.injections
    return Components(
        relevance if 0.0 <= relevance <= 1.0 else _share(relevance),
        recency(memory.observed_at, now, half_life),
        usefulness if 0.0 <= usefulness <= 1.0 else _share(usefulness),
        confidence if 0.0 <= confidence <= 1.0 else _share(confidence),
        min(1.0, injections / FREQUENT_INJECTIONS),
    )


def recency(observed_at: float, now: float, half_life_days: float) -> float:
    """exp(-lambda * age in days), lambda = ln 2 / half-life: 1 when new or from the future, 0.5 after a half-life."""
    age_days = (now - observed_at) / DAY_S
    return math.exp(-_LN_2 / half_life_days * age_days) if age_days > 0 else 1.0


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
