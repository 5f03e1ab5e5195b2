"""What an operator does on a session's page: end it, and say which memories helped."""

from __future__ import annotations

import pytest
from django.test import Client

from agents.models import AuditEvent, Session
from context.feedback import Ballot, give
from context.models import Feedback
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from memories.models import Memory
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.dashboard.test_session_pages import text_of

HTMX = {"HX-Request": "true"}


@pytest.fixture
def session(agent):
    return make_session(agent, external_id="talk")


@pytest.fixture
def turn(session):
    return make_turn(session)


@pytest.fixture
def tea(agent, turn):
    memory = make_memory(agent, "Jon drinks tea.")
    inject(turn, memory)
    return memory


def page(who, session) -> str:
    response = who.client.get(f"/sessions/{session.pk}")
    assert response.status_code == 200
    return response.content.decode()


def row(session):
    with scope(session.org_id):
        return Session.objects.get(pk=session.pk)


def end(who, session, **headers):
    return who.client.post(f"/sessions/{session.pk}/complete", headers=headers)


def judge(who, turn, memory, useful="true", **headers):
    path = f"/sessions/{turn.session_id}/turns/{turn.turn_id}/memories/{memory.pk}/verdict"
    return who.client.post(path, {"useful": useful}, headers=headers)


def worth(memory):
    with scope(memory.org_id):
        return Memory.objects.get(pk=memory.pk).usefulness


def test_an_operator_completes_a_session_and_the_page_says_so(bob, session):
    assert "Complete</button>" in page(bob, session)
    answer = end(bob, session)
    assert (answer.status_code, answer.url) == (303, f"/sessions/{session.pk}")
    assert row(session).status == "completed"
    shown = page(bob, session)
    assert "Complete</button>" not in shown
    assert "The session is completed." in shown
    with scope(session.org_id):
        [event] = AuditEvent.objects.filter(action="session.completed", object_id=str(session.pk))
    assert event.actor == f"operator:{bob.operator.pk}"


def test_with_htmx_only_what_changed_is_sent(bob, session):
    answer = end(bob, session, **HTMX)
    assert answer.status_code == 200
    sent = answer.content.decode()
    assert "<html" not in sent
    assert 'id="session-state" hx-swap-oob="true"' in sent
    assert 'id="session-facts" hx-swap-oob="true"' in sent
    assert "Completed" in sent
    assert "The session is completed." in sent
    assert 'id="session-end"' not in sent


def test_ending_it_twice_is_no_error(bob, session):
    end(bob, session)
    first = row(session).completed_at
    assert end(bob, session).status_code == 303
    assert row(session).completed_at == first


def test_a_thumb_moves_the_memory_and_stays_pressed(bob, session, turn, tea):
    before = page(bob, session)
    assert before.count('aria-pressed="false"') == 2
    answer = judge(bob, turn, tea, "false")
    assert (answer.status_code, answer.url) == (303, f"/sessions/{session.pk}?turn={turn.turn_id}#turn-{turn.turn_id}")
    assert worth(tea) == pytest.approx(0.4)
    after = page(bob, session)
    assert (after.count('aria-pressed="true"'), after.count('aria-pressed="false"')) == (1, 1)
    partial = judge(bob, turn, tea, "true", **HTMX).content.decode()
    assert partial.strip().startswith("<form")
    assert partial.index('aria-pressed="true"') < partial.index('aria-pressed="false"')
    assert worth(tea) == pytest.approx(0.6)
    judge(bob, turn, tea, "true")
    with scope(session.org_id):
        assert Feedback.objects.filter(memory=tea).count() == 2


def test_each_reader_sees_their_own_thumbs(alice, bob, session, turn, tea):
    judge(bob, turn, tea)
    assert 'aria-pressed="true"' not in page(alice, session)
    judge(alice, turn, tea, "false")
    assert page(alice, session).count('aria-pressed="true"') == 1
    assert worth(tea) == pytest.approx(0.48)


def test_memories_left_out_or_deleted_have_no_thumbs(bob, agent, session, turn, tea):
    inject(turn, make_memory(agent, "Jon likes cats."), rank=2, is_packed=False)
    assert page(bob, session).count('class="verdict"') == 1
    with scope(agent.org_id):
        Memory.objects.filter(pk=tea.pk).update(deleted_at=turn.created_at)
    assert 'class="verdict"' not in page(bob, session)


def test_what_an_application_said_of_an_answer_is_shown(victor, session, turn):
    from agents.models import Trace

    with scope(session.org_id):
        request_id = Trace.objects.get(turn_id=turn.turn_id).request_id
        for useful, comment in ((True, ""), (False, "<b>Old</b> news.")):
            ballot = {"useful": useful, "comment": comment, "request_id": request_id}
            give(Ballot(org_id=session.org_id, actor=f"token:{session.pk}", **ballot))
    shown = page(victor, session)
    assert "&lt;b&gt;Old&lt;/b&gt; news." in shown
    assert "The application found this answer not useful" in text_of(victor.client.get(f"/sessions/{session.pk}"))
    assert "answer useful" not in shown


def test_who_only_looks_has_no_buttons_and_may_not_use_them(victor, session, turn, tea):
    shown = page(victor, session)
    assert "Complete</button>" not in shown
    assert 'class="verdict"' not in shown
    assert end(victor, session).status_code == judge(victor, turn, tea).status_code == 403
    assert (row(session).status, worth(tea)) == ("active", 0.5)


def test_strangers_find_nothing_and_nobody_is_sent_to_sign_in(charlie, session, turn, tea):
    assert end(charlie, session).status_code == judge(charlie, turn, tea).status_code == 404
    for path in (
        f"/sessions/{session.pk}/complete",
        f"/sessions/{session.pk}/turns/{turn.turn_id}/memories/{tea.pk}/verdict",
    ):
        assert Client().post(path).url.startswith("/sign-in")
        assert charlie.client.get(path).status_code == 405
    assert (row(session).status, worth(tea)) == ("active", 0.5)


@pytest.mark.parametrize("useful", ["", "maybe", "True"])
def test_a_thumb_that_points_nowhere_is_refused(bob, turn, tea, useful):
    assert judge(bob, turn, tea, useful).status_code == 404
    assert worth(tea) == 0.5


def test_a_memory_that_the_turn_was_not_given_cannot_be_judged_there(bob, agent, turn, tea):
    other = make_memory(agent, "Jon likes cats.")
    assert judge(bob, turn, other).status_code == 404
    turn.turn_id = uuid7()
    assert judge(bob, turn, tea).status_code == 404
    assert worth(other) == worth(tea) == 0.5
