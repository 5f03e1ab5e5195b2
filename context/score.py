"""The ranking formula (SPEC section 6): what a memory is worth to this prompt, in components that can be shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from context.injectable import Injectable

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
_exp = math.exp

Components = tuple[float, float, float, float, float]
"""The five parts of a score, each from 0 to 1, in the order of WEIGHTS."""


def score(
    memory: Injectable, relevance: float, now: float, half_lives: Mapping[str, float] = HALF_LIVES_DAYS
) -> tuple[float, Components]:
    """What `memory` is worth at `now` (seconds since 1970), from 0 to 1, and the parts of it.

    Its recency is exp(-lambda * age in days), lambda = ln 2 / half-life: 1 when new or from the future, 0.5 after a
    half-life.
    """
    usefulness, confidence, injections = memory.usefulness, memory.confidence, memory.injections
    half_life = half_lives.get(memory.category, HALF_LIFE_DAYS) if half_lives else HALF_LIFE_DAYS
    age_days = (now - memory.observed_at) / DAY_S
    recency = _exp(-_LN_2 / half_life * age_days) if age_days > 0 else 1.0
    frequency = injections / FREQUENT_INJECTIONS if injections < FREQUENT_INJECTIONS else 1.0
    if not 0.0 <= relevance <= 1.0:
        relevance = _share(relevance)
    if not 0.0 <= usefulness <= 1.0:
        usefulness = _share(usefulness)
    if not 0.0 <= confidence <= 1.0:
        confidence = _share(confidence)
    worth = (
        _RELEVANCE * relevance
        + _RECENCY * recency
        + _USEFULNESS * usefulness
        + _CONFIDENCE * confidence
        + _FREQUENCY * frequency
    )
    return worth, (relevance, recency, usefulness, confidence, frequency)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
