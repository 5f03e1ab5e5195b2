"""An operator's verdict on an answer: for it and for every memory it was given, with a comment; by those who may."""

from __future__ import annotations

import pytest
from django.urls import reverse

from agents.models import AuditEvent
from context.models import COMMENT_MAX, Feedback
from ibex.core.tenancy import scope
from memories.models import Memory
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn


@pytest.fixture
def tea(agent):
    return make_memory(agent, "Tea.")


@pytest.fixture
def turn(agent, tea):
    turn = make_turn(make_session(agent))
    inject(turn, tea)
    return turn


def address(turn, name="dashboard:judge_answer"):
    return reverse(name, args=[turn.session_id, turn.turn_id])


def said(turn):
    with scope(turn.org_id):
        return [(row.memory_id, row.useful, row.comment, row.actor) for row in Feedback.objects.order_by("pk")]


def test_it_is_on_the_answer_and_on_its_memories_and_is_shown_and_audited(bob, turn, tea):
    response = bob.client.post(address(turn), {"useful": "false", "comment": " Old news. "}, follow=True)
    actor = f"operator:{bob.operator.pk}"
    assert said(turn) == [(None, False, "Old news.", actor), (tea.pk, False, "", actor)]
    page = " ".join(response.content.decode().split())
    assert "An operator found this answer not useful: \u201cOld news.\u201d" in page
    with scope(turn.org_id):
        assert Memory.objects.get(pk=tea.pk).usefulness == pytest.approx(0.4)
        event = AuditEvent.objects.get(action="feedback.given")
    assert (event.actor, event.detail) == (actor, {"memories": 1})


def test_a_changed_mind_takes_the_place_of_the_first(bob, turn, tea):
    for useful in ("false", "true", "true"):
        bob.client.post(address(turn), {"useful": useful})
    assert [useful for memory, useful, _, _ in said(turn) if memory is None] == [False, True]
    with scope(turn.org_id):
        assert Memory.objects.get(pk=tea.pk).usefulness == pytest.approx(0.6)


def test_what_says_nothing_or_too_much_is_not_kept(bob, turn):
    assert bob.client.post(address(turn), {"useful": "maybe"}).status_code == 404
    told = bob.client.post(address(turn), {"useful": "true", "comment": "x" * (COMMENT_MAX + 1)}, follow=True)
    assert "a comment has at most 2,000 characters" in told.content.decode()
    assert said(turn) == []


def test_operators_may_judge_viewers_may_not_and_strangers_find_nothing(alice, victor, charlie, anonymous, agent, turn):
    assert charlie.client.post(address(turn), {"useful": "true"}).status_code == 404
    assert victor.client.post(address(turn), {"useful": "true"}).status_code == 403
    assert anonymous.post(address(turn), {"useful": "true"}).status_code == 302
    other = make_session(agent)
    elsewhere = reverse("dashboard:judge_answer", args=[other.pk, turn.turn_id])
    assert alice.client.post(elsewhere, {"useful": "true"}).status_code == 404
    assert said(turn) == []
    page = reverse("dashboard:session", args=[turn.session_id])
    assert "Was this answer useful?" in alice.client.get(page).content.decode()
    assert "Was this answer useful?" not in victor.client.get(page).content.decode()
