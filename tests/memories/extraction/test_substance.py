from __future__ import annotations

import pytest

from memories.extraction.substance import says_something
from tests.memories.extraction.conftest import Learn, contents


@pytest.mark.parametrize(
    "text",
    [
        "The user's email is [EMAIL].",
        "Caroline's new phone number is [PHONE].",
        "The user's mother's phone number is [PHONE].",
        "The user lives at [ADDRESS].",
        "The user was born on [BIRTH_DATE].",
        "The user's card is [CARD] and their IBAN is [IBAN].",
        "The user's API key is [SECRET].",
        "The user's boss is [NAME].",
    ],
)
def test_a_placeholder_and_what_it_stands_for_say_nothing(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize(
    "text",
    [
        "The user lives in Rome.",
        "The user moved to [ADDRESS] in 2021.",
        "The user prefers to be written to at [EMAIL].",
        "The user's bakery is at [ADDRESS].",
        "The user lost the key of [ADDRESS].",
        "[NAME] plays the violin.",
    ],
)
def test_what_is_said_beside_a_placeholder_counts(text: str) -> None:
    assert says_something(text)


def test_nothing_is_learned_of_a_placeholder_that_somebody_typed(learn: Learn) -> None:
    assert contents(learn("My email is [EMAIL]. I live in Rome.")) == ["The user lives in Rome."]
