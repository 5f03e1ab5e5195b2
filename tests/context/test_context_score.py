from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.desk_read import HotMemory
from context.score import HALF_LIVES_DAYS, WEIGHTS, score
from tests.context.twins import DAY, NOW, memory


def components(
    one: HotMemory, relevance: float = 0.0, half_lives: Mapping[str, float] = HALF_LIVES_DAYS
) -> dict[str, float]:
    return dict(zip(WEIGHTS, score(one, relevance, NOW, half_lives)[1], strict=True))


def test_the_weights_are_those_of_the_formula_and_sum_to_one() -> None:
    assert dict(WEIGHTS) == {
        "relevance": 0.40,
        "recency": 0.25,
        "usefulness": 0.20,
        "confidence": 0.10,
        "frequency": 0.05,
    }
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_a_score_is_the_weighted_sum_of_its_components() -> None:
    one = memory("x", observed_at=NOW - 14 * DAY, usefulness=0.6, confidence=0.8, injections=25)
    worth, parts = score(one, 0.9, NOW)
    assert parts == pytest.approx((0.9, 0.5, 0.6, 0.8, 0.5))
    assert worth == pytest.approx(0.4 * 0.9 + 0.25 * 0.5 + 0.2 * 0.6 + 0.1 * 0.8 + 0.05 * 0.5)


def test_a_category_may_have_a_half_life_of_its_own() -> None:
    aged = memory("x", category="preference", observed_at=NOW - 90 * DAY)
    assert components(aged, half_lives={"preference": 90.0})["recency"] == pytest.approx(0.5)
    assert components(aged, half_lives={"episodic": 90.0})["recency"] < 0.02


def test_what_was_learned_after_now_is_new() -> None:
    assert components(memory("x", observed_at=NOW + DAY))["recency"] == 1.0


def test_more_than_fifty_injections_count_as_fifty() -> None:
    assert components(memory("x", injections=5_000))["frequency"] == 1.0


@given(
    relevance=st.floats(allow_nan=True, allow_infinity=True),
    usefulness=st.floats(-5, 5),
    confidence=st.floats(-5, 5),
    injections=st.integers(0, 10**6),
    age=st.floats(-1e9, 1e9),
)
def test_score_and_components_stay_between_zero_and_one(
    relevance: float, usefulness: float, confidence: float, injections: int, age: float
) -> None:
    one = memory("x", usefulness=usefulness, confidence=confidence, injections=injections, observed_at=NOW - age)
    worth, parts = score(one, relevance, NOW)
    assert all(0 <= value <= 1 for value in parts)
    assert 0 <= worth <= 1 + 1e-9
