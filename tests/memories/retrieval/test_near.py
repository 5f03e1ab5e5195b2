from __future__ import annotations

import numpy as np
import pytest

from memories.retrieval import arms, near
from memories.retrieval.near import SIFTED_FROM, Vectors, as_sent, best

WIDTH = 384
MOST = 50


@pytest.fixture(params=["C", "numpy"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "numpy":
        monkeypatch.setattr(near, "arms", lambda: None)
    elif arms.arms() is None:
        pytest.skip("nothing is compiled on this machine")


def sent(values: np.ndarray) -> list[bytes]:
    """As PostgreSQL sends halfvecs."""
    return [as_sent(row) for row in values]


def talks(rows: int, *, seed: int = 1) -> np.ndarray:
    """Vectors whose directions matter less and less, as those of texts do."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, WIDTH)) / np.arange(1, WIDTH + 1) ** 0.5).astype(np.float32)


def everywhere(vectors: Vectors) -> np.ndarray:
    return np.ones(len(vectors.values), dtype=bool)


def test_few_rows_are_all_compared() -> None:
    values = talks(SIFTED_FROM)
    vectors = Vectors.of(sent(values))
    asked = vectors.values[7]
    assert vectors.axes.size == 0
    found = vectors.nearest(asked, everywhere(vectors), MOST)
    assert found.tolist() == best((vectors.values @ asked).astype(np.float64), MOST).tolist()


def test_of_many_rows_nearly_all_of_the_nearest_are_found() -> None:
    vectors = Vectors.of(sent(talks(4_000)))
    asked = talks(30, seed=2)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    shares = []
    for vector in asked:
        exact = best((vectors.values @ vector).astype(np.float64), MOST)
        shares.append(np.isin(exact, vectors.nearest(vector, everywhere(vectors), MOST)).mean())
    assert np.mean(shares) > 0.95


def test_the_best_comes_first_with_its_exact_cosine() -> None:
    vectors = Vectors.of(sent(talks(4_000)))
    found = vectors.nearest(vectors.values[1_234], everywhere(vectors), MOST)
    cosines = vectors.cosines(vectors.values[1_234], found)
    assert found[0] == 1_234
    assert cosines[0] == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(cosines) <= 0).all()


@pytest.mark.parametrize("rows", [100, 4_000])
def test_a_row_that_is_not_there_any_more_is_never_found(rows: int) -> None:
    vectors = Vectors.of(sent(talks(rows)))
    there = everywhere(vectors)
    there[::2] = False
    assert not set(vectors.nearest(vectors.values[10], there, MOST)) & set(range(0, rows, 2))


@pytest.mark.parametrize("rows", [10, 4_000])
def test_fewer_rows_than_asked_for_are_all_found(rows: int) -> None:
    vectors = Vectors.of(sent(talks(rows)))
    there = np.zeros(rows, dtype=bool)
    there[[1, 3, 5]] = True
    assert set(vectors.nearest(vectors.values[1], there, MOST)) == {1, 3, 5}


def test_rows_without_vectors_are_as_far_as_can_be_and_the_newest_come_first() -> None:
    vectors = Vectors.of([None] * 4_000)
    assert vectors.nearest(np.ones(WIDTH, np.float32), everywhere(vectors), 3).tolist() == [3_999, 3_998, 3_997]
    mixed = Vectors.of([None, *sent(talks(2))])
    assert mixed.cosines(mixed.values[1], np.arange(3)).tolist()[0] == 0.0


def test_the_same_rows_have_the_same_axes() -> None:
    values = Vectors.of(sent(talks(3_000))).values
    assert (near.main_axes(values) == near.main_axes(values)).all()


@pytest.mark.parametrize("rows", [100, 4_000])
def test_both_ways_find_the_same(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = Vectors.of(sent(talks(rows)))
    asked = talks(30, seed=2)
    here = [vectors.nearest(vector, everywhere(vectors), MOST).tolist() for vector in asked]
    monkeypatch.setattr(near, "arms", lambda: None)
    # In C the sieve leaves what is about as near as the last as well.
    there = [vectors.nearest(vector, everywhere(vectors), MOST).tolist() for vector in asked]
    assert np.mean([ours == theirs for ours, theirs in zip(here, there, strict=True)]) > 0.9


def test_vectors_of_any_width_are_compared() -> None:
    values = talks(50)[:, :45]
    vectors = Vectors.of(sent(values))
    exact = vectors.values @ vectors.values[3]
    assert vectors.cosines(vectors.values[3], np.arange(50)) == pytest.approx(exact, abs=1e-6)
