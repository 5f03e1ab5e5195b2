"""What says again what stands beside it, and what only seems to."""

from __future__ import annotations

import pytest

from context.restated import Told

BETTER = ["The user moved to Berlin on 3 May 2024 with her sister.", "The user does not eat meat."]


@pytest.mark.parametrize("claim", ["The user moved to Berlin.", "The user does not eat meat."])
def test_a_claim_is_repeated_by_one_that_says_all_of_it(claim: str) -> None:
    assert Told(BETTER).says(claim)


@pytest.mark.parametrize(
    "claim", ["The user moved to Munich.", "The user eats meat.", "The user moved to Berlin on 4 May 2024."]
)
def test_another_word_a_denial_or_a_date_is_something_new(claim: str) -> None:
    assert not Told(BETTER).says(claim)


def test_a_claim_of_words_that_mean_nothing_is_only_repeated_word_for_word() -> None:
    assert not Told(BETTER).says("It will be him.")
    assert Told([*BETTER, "it will be  him."]).says("It will be him.")
