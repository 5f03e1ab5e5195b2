from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context import pack as packing
from context.pack import pack

items = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 60)), max_size=11)


@pytest.fixture(params=["C", "numpy"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "numpy":
        monkeypatch.setattr(packing, "compiled", lambda: None)
    elif packing.compiled() is None:
        pytest.skip("nothing is compiled on this machine")


def optimum(values: list[float], weights: list[int], capacity: int) -> float:
    subsets = (c for size in range(len(values) + 1) for c in combinations(range(len(values)), size))
    return max(sum(values[i] for i in c) for c in subsets if sum(weights[i] for i in c) <= capacity)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items, st.integers(0, 200))
def test_the_packed_score_is_that_of_the_best_of_all_subsets(
    candidates: list[tuple[float, int]], capacity: int
) -> None:
    values, weights = [v for v, _ in candidates], [w for _, w in candidates]
    chosen = pack(values, weights, capacity)
    assert sum(weights[i] for i in chosen) <= capacity
    assert chosen == sorted(set(chosen))
    assert abs(sum(values[i] for i in chosen) - optimum(values, weights, capacity)) < 1e-9


def test_what_does_not_fit_is_skipped_and_the_rest_still_packed() -> None:
    assert pack([0.9, 0.5, 0.4], [500, 40, 30], 100) == [1, 2]


def test_two_small_ones_go_before_a_big_one_that_is_worth_less_than_both() -> None:
    assert pack([0.9, 0.6, 0.5], [100, 50, 50], 100) == [1, 2]


def test_nothing_fits_into_nothing() -> None:
    assert pack([1.0], [1], 0) == []
    assert pack([], [], 100) == []


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_hundred_candidates_fill_the_largest_budget_no_worse_than_greedily(data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(10, 2_000), min_size=100, max_size=100))
    values = data.draw(st.lists(st.floats(0.1, 1), min_size=100, max_size=100))
    chosen = pack(values, weights, 32_000)
    greedy, left = 0.0, 32_000
    for i in sorted(range(100), key=lambda i: -values[i] / weights[i]):
        if weights[i] <= left:
            greedy, left = greedy + values[i], left - weights[i]
    assert sum(weights[i] for i in chosen) <= 32_000
    assert sum(values[i] for i in chosen) >= greedy - 1e-9
