from __future__ import annotations

from memories.extraction import kinds
from memories.extraction.grounding import content_stems
from memories.extraction.salience import BAR_AT_MOST, BAR_AT_START, BAR_FREE, bar, is_plain, worth


def test_the_bar_rises_with_what_the_session_gave_and_stays_below_plain_facts() -> None:
    assert bar(0) == bar(BAR_FREE) == BAR_AT_START
    assert bar(BAR_FREE + 2) > BAR_AT_START
    assert bar(1_000) == BAR_AT_MOST
    assert is_plain(kinds.IDENTITY)
    assert is_plain(kinds.ORDER)
    assert not is_plain(kinds.OPINION)


def test_a_fact_is_worth_more_than_a_plan_and_a_plan_more_than_a_remark() -> None:
    fact, plan, remark = (
        worth(kind, "I keep three red bicycles", "The user keeps three red bicycles.", [])
        for kind in (kinds.FACT, kinds.PLAN, kinds.REMARK)
    )

    assert fact > plan > remark
    assert remark < BAR_AT_START


def test_what_was_kept_already_is_worth_nothing_and_what_repeats_it_in_part_less() -> None:
    kept = [content_stems("The user keeps three red bicycles in the garage.")]

    again = worth(kinds.FACT, "I keep three red bicycles", "The user keeps three red bicycles.", kept)
    partly = worth(kinds.FACT, "I keep red bicycles and old vases", "The user keeps red bicycles and old vases.", kept)
    fresh = worth(kinds.FACT, "I collect old vases", "The user collects old vases.", kept)

    assert again == 0
    assert 0 < partly < fresh


def test_what_points_at_something_said_elsewhere_is_worth_less() -> None:
    leaning = worth(kinds.PLAN, "I plan to follow these steps", "The user plans to follow these steps.", [])
    standing = worth(kinds.PLAN, "I plan to follow a diet", "The user plans to follow a diet.", [])

    assert leaning < standing
