"""The question asked about planted falsehoods can be passed by who knows the truth, and failed by who does not."""

from __future__ import annotations

import pytest

from benchmarks.extraction_scores import judge
from benchmarks.extraction_sets import Session

TRUE = ["Ann Lee was promoted to Senior Director at Acme.", "Ann Lee's monthly income rose from 18000 to 20000."]
PLANTED = ["Ann Lee was promoted to Vice President at Acme.", "Ann Lee's monthly income rose from 18000 to 22000."]
SESSION = Session(turns=[], true=TRUE, planted=PLANTED, speaker="Ann Lee")


@pytest.mark.parametrize(
    ("memories", "stated", "near"),
    [
        (TRUE, 0, 2),
        (["Ann Lee recently got promoted to Senior Director at Acme."], 0, 1),
        (PLANTED, 2, 2),
        ([*TRUE, PLANTED[0]], 1, 2),
        (["Ann Lee has a terrier."], 0, 0),
        ([], 0, 0),
    ],
)
def test_a_falsehood_counts_as_stated_by_what_says_it_and_not_by_the_truth(
    memories: list[str], stated: int, near: int
) -> None:
    scores = judge([SESSION], lambda _: [(memory, True) for memory in memories])
    assert (scores.not_stated.count(False), scores.not_near.count(False)) == (stated, near)
