"""The formula of usefulness: bounded, forgetful, and the same whether time passes in one go or day by day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.models import Memory
from memories.usefulness import (
    HALF_LIFE_DAYS,
    LEAST,
    MOST,
    NEUTRAL,
    REACH,
    STEP,
    Showing,
    Verdict,
    drifted,
    lean,
    usefulness,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def said(*useful: bool, days_ago: float = 0) -> list[Verdict]:
    return [Verdict(at=NOW - days_ago * DAY, useful=each) for each in useful]


def test_a_memory_of_which_nobody_spoke_is_neutral_like_a_new_row():
    assert usefulness([], NOW) == NEUTRAL == Memory._meta.get_field("usefulness").default


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (said(True), 0.6),
        (said(False), 0.4),
        (said(*[True] * 5), 1 - 0.5 * 0.8**5),
        (said(True, False), 0.48),
        (said(False, True), 0.52),
        (said(*[True] * 100), MOST),
        (said(*[False] * 100), LEAST),
        (said(*[True] * 100, False), MOST * 0.8),
        (said(True, days_ago=HALF_LIFE_DAYS), 0.55),
        (said(True, days_ago=100 * HALF_LIFE_DAYS), NEUTRAL),
    ],
)
def test_each_verdict_goes_a_share_of_the_way_and_time_goes_back(verdicts, expected):
    assert usefulness(verdicts, NOW) == pytest.approx(expected)


AGES = st.floats(0, 10_000).map(lambda days: NOW - days * DAY)
verdicts = st.lists(st.builds(Verdict, at=AGES, useful=st.booleans()))


@given(verdicts)
def test_it_never_leaves_its_bounds(given_verdicts):
    in_order = sorted(given_verdicts, key=lambda verdict: verdict.at)
    assert LEAST <= usefulness(in_order, NOW) <= MOST
    assert LEAST <= usefulness(given_verdicts, NOW) <= MOST


@given(st.floats(LEAST, MOST), st.integers(0, 400))
def test_time_may_pass_in_one_go_or_day_by_day(value, days):
    day_by_day = value
    for _ in range(days):
        day_by_day = drifted(day_by_day, DAY)
    assert day_by_day == pytest.approx(drifted(value, days * DAY))
    assert abs(drifted(value, days * DAY) - NEUTRAL) <= abs(value - NEUTRAL)


def test_clocks_that_disagree_hurt_nobody():
    assert usefulness(said(True, days_ago=-1), NOW) == pytest.approx(0.6)


showings = st.lists(st.builds(Showing, at=AGES, is_used=st.booleans()), max_size=50)


def shown(used: int, unused: int, days_ago: float = 0) -> list[Showing]:
    at = NOW - days_ago * DAY
    return [*[Showing(at=at, is_used=True)] * used, *[Showing(at=at, is_used=False)] * unused]


def test_all_that_answers_show_moves_less_than_one_verdict():
    assert NEUTRAL < usefulness([], NOW, shown(1_000, 0)) <= NEUTRAL + REACH < usefulness(said(True), NOW)
    assert NEUTRAL > usefulness([], NOW, shown(0, 1_000)) >= NEUTRAL - REACH > usefulness(said(False), NOW)
    assert REACH < STEP * NEUTRAL


def test_being_shown_never_raises_it_and_one_that_is_used_as_often_as_most_stays():
    assert lean(shown(0, 1), NOW) < 0
    assert lean(shown(10, 40), NOW) == pytest.approx(0)
    assert lean([], NOW) == 0


def test_what_answers_show_fades_like_verdicts():
    assert lean(shown(5, 0, days_ago=HALF_LIFE_DAYS), NOW) < lean(shown(5, 0), NOW)
    assert usefulness([], NOW, shown(5, 0, days_ago=100 * HALF_LIFE_DAYS)) == pytest.approx(NEUTRAL)


@given(verdicts, showings)
def test_answers_never_turn_what_people_said_and_it_never_leaves_its_bounds(given_verdicts, given_showings):
    in_order = sorted(given_verdicts, key=lambda verdict: verdict.at)
    said_alone, together = usefulness(in_order, NOW), usefulness(in_order, NOW, given_showings)
    assert LEAST <= together <= MOST
    assert abs(together - said_alone) <= REACH + 1e-9
    assert (said_alone - NEUTRAL) * (together - NEUTRAL) >= 0


@given(verdicts, showings)
def test_one_showing_without_a_use_never_raises_it(given_verdicts, given_showings):
    in_order = sorted(given_verdicts, key=lambda verdict: verdict.at)
    before = usefulness(in_order, NOW, given_showings)
    assert usefulness(in_order, NOW, [*given_showings, Showing(at=NOW, is_used=False)]) <= before + 1e-12
