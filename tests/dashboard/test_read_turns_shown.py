"""What answers used and users corrected, and how a turn was served, on the pages and in the API; to members alone."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.agents.api.conftest import by_token
from tests.context.test_context_reading import served
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.jobs import only_own, run_whole

__all__ = ["by_token", "only_own"]
pytestmark = pytest.mark.usefixtures("only_own")


@pytest.fixture
def rex(agent):
    return make_memory(agent, "The user's dog is called Rex.")


@pytest.fixture
def session(agent, rex):
    """Two turns: the first answer used one of its memories, the second question corrects it."""
    session = make_session(agent, holdout_share=0.2)
    turn = make_turn(session, "What is my dog called?", "Your dog is called Rex.")
    inject(turn, rex)
    inject(turn, make_memory(agent, "The user works as a nurse in Leeds."), rank=2)
    served(turn, "on")
    served(make_turn(session, "No, I meant my cat.", "Tom."), "off")
    run_whole("read_turns")
    return session


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_the_session_page_says_what_was_used_and_corrected(alice, session):
    page = text_of(alice.client.get(reverse("dashboard:session", args=[session.pk])))
    assert page.count(">Used<") == page.count(">Not used<") == 1
    assert "1 used" in page
    assert page.count("Corrects the answer before") == 1
    assert "says what was meant" in page
    assert "with memories" in page


@pytest.mark.parametrize(
    ("mode", "words"),
    [("shadow", "Shadow: nothing shown"), ("held_out", "Held out: no memories"), ("off", "Memories switched off")],
)
def test_the_session_page_says_why_nothing_was_shown(alice, agent, rex, mode, words):
    session = make_session(agent, holdout_share=0.5, is_held_out=True)
    turn = make_turn(session)
    inject(turn, rex, is_packed=False, **({"reason": "shadow"} if mode == "shadow" else {}))
    served(turn, mode)
    page = text_of(alice.client.get(reverse("dashboard:session", args=[session.pk])))
    assert words in page
    assert "held out: answered without memories" in page
    assert ("Left out: shadow" in page) == (mode == "shadow")


def test_a_turn_with_memories_has_no_such_words(alice, session):
    page = text_of(alice.client.get(reverse("dashboard:session", args=[session.pk])))
    assert page.count("Memories switched off") == 1
    assert "Held out: no memories" not in page


def test_the_memorys_page_says_how_often_it_was_used(alice, rex, session):
    page = text_of(alice.client.get(reverse("memories:detail", args=[rex.pk])))
    assert "in 1 of 1 answer read" in page
    assert ">Used<" in page
    fresh = make_memory(rex.agent, "Fresh.")
    assert "No answer read yet" in text_of(alice.client.get(reverse("memories:detail", args=[fresh.pk])))


def test_the_api_says_it_of_the_memory_and_of_each_prompt(alice, by_token, rex, session):
    shown = by_token(alice, "GET", f"/memories/{rex.pk}").json()
    assert (shown["answer_count"], shown["used_count"]) == (1, 1)
    [use] = by_token(alice, "GET", f"/memories/{rex.pk}/uses").json()["items"]
    assert (use["is_packed"], use["was_used"]) == (True, True)
    unread = make_turn(make_session(rex.agent))
    inject(unread, rex)
    latest, _ = by_token(alice, "GET", f"/memories/{rex.pk}/uses").json()["items"]
    assert latest["was_used"] is None


def test_the_api_says_which_sessions_are_held_out(alice, by_token, session):
    shown = by_token(alice, "GET", f"/sessions/{session.pk}").json()
    assert (shown["holdout_share"], shown["is_held_out"]) == (0.2, False)


def test_strangers_find_none_of_it(charlie, victor, by_token, rex, session):
    for address in (reverse("dashboard:session", args=[session.pk]), reverse("memories:detail", args=[rex.pk])):
        assert charlie.client.get(address).status_code == 404
        assert victor.client.get(address).status_code == 200
    assert by_token(charlie, "GET", f"/memories/{rex.pk}/uses").status_code == 404
