"""What a session's page tells of how the context of a turn came about."""

from __future__ import annotations

from tests.dashboard.conftest import assemble, inject, make_memory, make_session, make_turn
from tests.dashboard.test_session_pages import replayed, text_of


def test_a_turn_shows_how_its_context_came_about_and_each_arms_places(victor, agent):
    session = make_session(agent)
    turn = make_turn(session)
    assemble(turn, level=1, missing=["cold", "alive"])
    inject(turn, make_memory(agent, "Jon lives in Lisbon."), vector_rank=4, hot_rank=2)
    page = text_of(replayed(victor, session))
    for words in (
        "Level L1",
        "Missing the search, what may still be shown",
        "Directive version 3",
        "Window 8,192 less messages 40 less answer 1,228 less safety 409 less directive 12 Memories up to 2,000",
        "Vector #4 Desk #2",
    ):
        assert words in page, words
    assert "Words #" not in page
