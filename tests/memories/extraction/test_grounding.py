from __future__ import annotations

import pytest

from memories.choices import Category
from memories.extraction import Candidate, is_grounded
from memories.extraction.contract import Role
from memories.extraction.grounding import stem
from tests.memories.extraction.conftest import turn

SAID = "I moved to Berlin yesterday with my two cats, Mia and Leo. I don't smoke."
ANSWERED = "I have booked a table at Luigi's. You live in Paris."


def claim(content: str, evidence: str, role: Role = "user") -> Candidate:
    return Candidate(
        content=content, category=Category.FACTUAL, labels=(), confidence=0.9, turn=1, role=role, evidence=evidence
    )


@pytest.mark.parametrize(
    ("content", "evidence"),
    [
        ("The user moved to Berlin on 7 May 2023.", "I moved to Berlin yesterday"),
        ("The user has 2 cats, Mia and Leo.", "my two cats, Mia and Leo"),
        ("The user relocated to Berlin with two cats.", "I moved to Berlin yesterday with my two cats"),
        ("The user doesn't smoke.", "I don't smoke."),
    ],
)
def test_a_claim_that_says_no_more_than_its_turn_is_grounded(content: str, evidence: str) -> None:
    assert is_grounded(claim(content, evidence), turn(SAID, ANSWERED))


@pytest.mark.parametrize(
    ("content", "evidence", "why"),
    [
        ("The user moved to Berlin.", "I moved to Bern", "the evidence was never said"),
        ("The user moved to Berlin.", "", "there is no evidence"),
        ("The user has 3 cats.", "my two cats, Mia and Leo", "another number"),
        ("The user moved to Berlin on 6 May 2023.", "I moved to Berlin yesterday", "another date"),
        ("The user moved to Berlin with Tom.", "I moved to Berlin yesterday", "a name nobody said"),
        ("The user smokes.", "I don't smoke.", "the negation is gone"),
        ("The user never moved to Berlin.", "I moved to Berlin yesterday", "a negation is new"),
        ("The user enjoys opera, gardening and fencing.", "I moved to Berlin yesterday", "words from nowhere"),
        ("The user lives in Paris.", "You live in Paris.", "the assistant said it, not the user"),
    ],
)
def test_a_claim_that_adds_something_of_its_own_is_not(content: str, evidence: str, why: str) -> None:
    assert not is_grounded(claim(content, evidence), turn(SAID, ANSWERED)), why


def test_what_the_assistant_did_is_grounded_in_the_assistants_words() -> None:
    booked = claim("The assistant booked a table at Luigi's.", "I have booked a table at Luigi's.", "assistant")

    assert is_grounded(booked, turn(SAID, ANSWERED))


def test_typographic_quotes_change_nothing() -> None:
    assert is_grounded(claim("The user doesn't smoke.", "I don\u2019t smoke."), turn("I don\u2019t smoke."))


@pytest.mark.parametrize("forms", [("move", "moved", "moving"), ("city", "cities"), ("run", "runs"), ("plan", "plans")])
def test_inflections_share_a_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1
