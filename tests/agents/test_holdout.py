"""Which sessions are held out: chosen by nobody, the same every time, and as many as the share says."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from uuid import UUID, uuid4

import pytest
from django.test import override_settings

from agents.holdout import is_held_out, place_of, share_of
from ibex.core.crypto import derived_key
from ibex.core.ids import uuid7
from tests.context.twins import card

SESSIONS = [uuid7() for _ in range(4_000)]
AGENT = card(holdout_share=0.2)


def held_out(share: float) -> set[UUID]:
    return {session for session in SESSIONS if is_held_out(replace(AGENT, holdout_share=share), session)}


def test_a_share_of_sessions_is_held_out() -> None:
    assert len(held_out(0.2)) / len(SESSIONS) == pytest.approx(0.2, abs=0.03)
    assert held_out(0.0) == set()
    assert held_out(1.0) == set(SESSIONS)


def test_a_session_stays_where_it_is_and_a_greater_share_only_adds_sessions() -> None:
    assert held_out(0.2) == held_out(0.2)
    assert held_out(0.1) < held_out(0.2) < held_out(0.5)


def test_sessions_are_spread_evenly_also_those_that_follow_each_other() -> None:
    places = [place_of(AGENT.id, session) for session in SESSIONS]
    assert mean(places) == pytest.approx(0.5, abs=0.02)
    assert all(0 <= place < 1 for place in places)
    counted = [sum(tenth / 10 <= place < (tenth + 1) / 10 for place in places) for tenth in range(10)]
    assert min(counted) > 320
    assert max(counted) < 480


def test_agents_hold_out_different_sessions() -> None:
    other = replace(AGENT, id=uuid4())
    both = sum(is_held_out(AGENT, session) and is_held_out(other, session) for session in SESSIONS)
    assert both / len(SESSIONS) == pytest.approx(0.2 * 0.2, abs=0.02)


def test_nobody_without_the_key_can_tell_where_a_session_stands() -> None:
    place = place_of(AGENT.id, SESSIONS[0])
    with override_settings(SECRET_KEY="another" * 8):
        derived_key.cache_clear()
        assert place_of(AGENT.id, SESSIONS[0]) != place
    derived_key.cache_clear()
    assert place_of(AGENT.id, SESSIONS[0]) == place


def test_an_agent_that_shows_nobody_memories_holds_nobody_out() -> None:
    for settings in ({"remembers": False}, {"shadows": True}):
        agent = card(holdout_share=1.0, **settings)
        assert share_of(agent) == 0
        assert not is_held_out(agent, SESSIONS[0])
