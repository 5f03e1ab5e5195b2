"""How many may search: as many as have been in time."""

from __future__ import annotations

import asyncio

import pytest

from context.admission import (
    LESS_WHEN_LATE,
    LOWERED_AGAIN_S,
    MORE_A_ROUND,
    PAUSE_MAX_S,
    PAUSE_MIN_S,
    SEARCHES_AT_FIRST,
    SEARCHES_IN_FLIGHT,
    Admission,
)
from ibex.env import env


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def admission(clock: Clock) -> Admission:
    return Admission(SEARCHES_IN_FLIGHT, clock=clock)


def late(admission: Admission, clock: Clock, times: int = 1) -> None:
    for _ in range(times):
        clock.now += 2 * LOWERED_AGAIN_S
        admission.learn(in_time=False)


def may_search(admission: Admission) -> bool:
    with admission.place() as admitted:
        return admitted


def test_searches_in_time_open_the_way_for_more_up_to_the_bound(admission: Admission) -> None:
    assert admission.limit == SEARCHES_AT_FIRST
    for _ in range(int(SEARCHES_IN_FLIGHT**2 / MORE_A_ROUND)):
        admission.learn(in_time=True)
    assert admission.limit == SEARCHES_IN_FLIGHT


def test_several_web_processes_share_the_bound_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBEX_WEB_PROCESSES", "3")
    env.cache_clear()
    try:
        assert Admission().most == SEARCHES_IN_FLIGHT // 3
    finally:
        monkeypatch.undo()
        env.cache_clear()


def test_a_late_search_lowers_their_number(admission: Admission, clock: Clock) -> None:
    late(admission, clock)
    assert admission.limit == SEARCHES_AT_FIRST * LESS_WHEN_LATE


def test_searches_that_are_late_together_count_once(admission: Admission, clock: Clock) -> None:
    late(admission, clock)
    for _ in range(10):
        admission.learn(in_time=False)
    assert admission.limit == SEARCHES_AT_FIRST * LESS_WHEN_LATE


def test_where_a_single_search_is_late_there_is_a_pause_that_grows_and_ends(admission: Admission, clock: Clock) -> None:
    late(admission, clock, times=3)
    assert not may_search(admission)
    clock.now += 2 * PAUSE_MIN_S
    assert may_search(admission)
    late(admission, clock, times=20)
    clock.now += PAUSE_MAX_S - 0.01
    assert not may_search(admission)
    clock.now += 0.02
    assert may_search(admission)


def test_a_search_in_time_shortens_the_next_pause(admission: Admission, clock: Clock) -> None:
    late(admission, clock, times=20)
    for _ in range(10):
        admission.learn(in_time=True)
    admission.limit = 1.0
    late(admission, clock)
    clock.now += 2 * PAUSE_MIN_S
    assert may_search(admission)


def test_one_that_meets_the_wall_was_late_and_gives_its_place_back(admission: Admission) -> None:
    with pytest.raises(asyncio.CancelledError), admission.place(is_over=lambda: True):
        raise asyncio.CancelledError
    assert (admission.in_flight, admission.limit) == (0, SEARCHES_AT_FIRST * LESS_WHEN_LATE)


def test_a_caller_who_leaves_gives_the_place_back_and_teaches_nothing(admission: Admission) -> None:
    with pytest.raises(asyncio.CancelledError), admission.place():
        raise asyncio.CancelledError
    assert (admission.in_flight, admission.limit) == (0, SEARCHES_AT_FIRST)


def test_one_that_was_not_admitted_teaches_nothing(admission: Admission) -> None:
    with pytest.raises(asyncio.CancelledError), admission.place(wanted=False, is_over=lambda: True):
        raise asyncio.CancelledError
    assert admission.limit == SEARCHES_AT_FIRST
