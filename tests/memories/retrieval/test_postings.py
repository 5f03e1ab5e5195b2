"""The words of a held copy: what a question's words bring up, in C and without it."""

from __future__ import annotations

import numpy as np
import pytest

from memories.retrieval import arms, postings
from memories.retrieval.postings import Postings
from memories.retrieval.words import EVERYWHERE, MATCHES_MAX, Terms, weigh

ROWS = 4_000
OFTEN = int(ROWS * EVERYWHERE) - 100


@pytest.fixture(params=["C", "numpy"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "numpy":
        monkeypatch.setattr(postings, "arms", lambda: None)
    elif arms.arms() is None:
        pytest.skip("nothing is compiled on this machine")


def copy() -> Postings:
    """Each twentieth row has dogs, each tenth cats; tea and milk are too common to be asked for alone."""
    has = {
        "all": lambda at: True,
        "dog": lambda at: at % 20 == 0,
        "cat": lambda at: at % 10 == 0,
        "tea": lambda at: at < OFTEN,
        "milk": lambda at: at > ROWS - OFTEN,
    }
    return Postings.of([[word for word, is_in in has.items() if is_in(at)] for at in range(ROWS)])


def everywhere() -> np.ndarray:
    return np.ones(ROWS, dtype=bool)


def found(held: Postings, *lexemes: str, most: int = ROWS, there: np.ndarray | None = None) -> list[int]:
    rows, _ = held.worded(weigh(lexemes, held.vocabulary), everywhere() if there is None else there, most)
    return rows.tolist()


def test_a_rare_word_brings_up_its_rows_and_the_newest_first() -> None:
    assert found(copy(), "dog") == list(range(ROWS - 20, -1, -20))


def test_rows_with_more_of_the_words_come_first() -> None:
    assert ROWS / 10 + ROWS / 20 < MATCHES_MAX
    rows = found(copy(), "cat", "dog")
    assert rows[: ROWS // 20] == list(range(ROWS - 20, -1, -20))
    assert set(rows) == set(range(0, ROWS, 10))


def test_of_common_words_a_row_must_have_two() -> None:
    both = range(ROWS - OFTEN + 1, OFTEN)
    assert set(found(copy(), "milk", "tea")) == set(both)


def test_a_word_that_nobody_has_brings_up_nothing() -> None:
    assert found(copy(), "zebra") == []
    assert found(copy()) == []
    assert Postings.of([]).worded(weigh(["dog"], copy().vocabulary), np.zeros(0, dtype=bool), 3)[0].tolist() == []


def test_no_more_than_asked_for_and_none_that_is_not_there() -> None:
    there = everywhere()
    there[ROWS - 20] = False
    assert found(copy(), "dog", most=3, there=there) == [ROWS - 40, ROWS - 60, ROWS - 80]


def test_which_words_a_row_has_is_told_of_every_row() -> None:
    held = copy()
    _, words = held.worded(weigh(["cat", "dog", "tea"], held.vocabulary), everywhere(), 1)
    assert (words[0], words[10], words[1], words[ROWS - 10]) == (0b111, 0b101, 0b100, 0b001)


def test_both_ways_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    vocabulary = [f"w{number}" for number in range(200)]
    often = 1 / np.arange(2, 202) ** 0.7
    held = Postings.of([[word for word, is_in in zip(vocabulary, rng.random(200) < often, strict=True) if is_in]
                        for _ in range(ROWS)])  # fmt: skip
    asked: list[Terms] = [
        weigh(sorted(rng.choice(vocabulary, 12, replace=False).tolist()), held.vocabulary) for _ in range(20)
    ]
    here = [held.worded(terms, everywhere(), 64) for terms in asked]
    monkeypatch.setattr(postings, "arms", lambda: None)
    for (rows, words), terms in zip(here, asked, strict=True):
        again, words_again = held.worded(terms, everywhere(), 64)
        assert rows.tolist() == again.tolist()
        assert (words == words_again).all()
