"""What a verdict does: rows that are only added, memories worth more or less, a desk and an audit log that know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections
from django.utils import timezone

from agents.models import AuditEvent
from context.feedback import VERDICTS_COUNTED, Ballot, give, reckon
from context.models import Feedback
from ibex.core.errors import InvalidRequest
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from memories import desk, store
from memories.models import Memory, MemoryVersion
from memories.usefulness import NEUTRAL, STEP
from tests.dashboard.conftest import inject, make_memory, make_session, make_trace, make_turn
from tests.factories import make_agent

APP, OTHER = f"token:{uuid4()}", f"operator:{uuid4()}"
LIKED = NEUTRAL + STEP * (1 - NEUTRAL)
DISLIKED = NEUTRAL - STEP * NEUTRAL
close = pytest.approx


@pytest.fixture
def turn(agent):
    return make_turn(make_session(agent), request_id=str(uuid7()))


@pytest.fixture
def request_id(agent, turn):
    """As its trace has it."""
    from agents.models import Trace

    with scope(agent.org_id):
        return Trace.objects.get(turn_id=turn.turn_id).request_id


def say(agent, useful=True, **fields):
    with scope(agent.org_id):
        return give(Ballot(org_id=agent.org_id, useful=useful, **({"actor": APP, "agent_id": agent.pk} | fields)))


def worth(memory):
    with scope(memory.org_id):
        return Memory.objects.get(pk=memory.pk).usefulness


def rows(agent, **filters):
    with scope(agent.org_id):
        return list(Feedback.objects.filter(agent=agent, **filters).order_by("pk"))


def test_a_verdict_on_a_request_is_on_its_answer_and_on_every_memory_it_was_given(agent, turn, request_id):
    tea, cats, left_out = (make_memory(agent, words) for words in ("Tea.", "Cats.", "Dogs."))
    inject(turn, tea)
    inject(turn, cats, rank=2)
    inject(turn, left_out, rank=3, is_packed=False)
    given = say(agent, useful=False, request_id=request_id, comment="It was old news.")
    assert (given.request_id, given.is_new) == (request_id, True)
    assert {memory.pk: memory.usefulness for memory in given.memories} == close({tea.pk: DISLIKED, cats.pk: DISLIKED})
    assert [worth(memory) for memory in (tea, cats, left_out)] == close([DISLIKED, DISLIKED, NEUTRAL])
    answer, *others = rows(agent)
    assert (answer.memory_id, answer.comment, answer.useful) == (None, "It was old news.", False)
    assert {(row.memory_id, row.comment) for row in others} == {(tea.pk, ""), (cats.pk, "")}
    assert {(row.turn_id, row.session_id, row.actor, row.source) for row in (answer, *others)} == {
        (turn.turn_id, turn.session_id, APP, "explicit")
    }


def test_the_same_verdict_again_moves_nothing_and_another_one_takes_its_place(agent, turn, request_id):
    tea = make_memory(agent, "Tea.")
    inject(turn, tea)
    say(agent, request_id=request_id)
    assert not say(agent, request_id=request_id).is_new
    assert (worth(tea), len(rows(agent))) == (close(LIKED), 2)
    assert say(agent, useful=False, request_id=request_id).is_new
    assert (worth(tea), len(rows(agent))) == (close(DISLIKED), 4)
    say(agent, useful=True, request_id=request_id)
    assert worth(tea) == close(LIKED)


def test_a_comment_may_be_added_without_moving_anything(agent, turn, request_id):
    tea = make_memory(agent, "Tea.")
    inject(turn, tea)
    say(agent, request_id=request_id)
    assert say(agent, request_id=request_id, comment="Spot on.").is_new
    assert not say(agent, request_id=request_id, comment="Spot on.").is_new
    assert worth(tea) == close(LIKED)
    assert [row.comment for row in rows(agent, memory=None)] == ["", "Spot on."]


def test_each_actor_and_each_turn_has_a_verdict_of_its_own(agent):
    tea, session = make_memory(agent, "Tea."), make_session(agent)
    first, second = make_turn(session), make_turn(session)
    for turn in (first, second):
        inject(turn, tea)
    say(agent, turn_id=first.turn_id)
    say(agent, turn_id=second.turn_id)
    say(agent, turn_id=second.turn_id, actor=OTHER)
    assert worth(tea) == close(1 - (1 - NEUTRAL) * (1 - STEP) ** 3)
    say(agent, useful=False, turn_id=first.turn_id)
    one_by_one = NEUTRAL
    for useful in (1, 1, 0):  # the changed mind is the latest
        one_by_one += STEP * (useful - one_by_one)
    assert worth(tea) == close(one_by_one)


def test_one_memory_of_a_request_may_be_judged_alone(agent, turn, request_id):
    tea, cats = make_memory(agent, "Tea."), make_memory(agent, "Cats.")
    inject(turn, tea)
    inject(turn, cats, rank=2)
    say(agent, request_id=request_id)
    say(agent, useful=False, request_id=request_id, memory_ids=[cats.pk], comment="Wrong.")
    assert (worth(tea), worth(cats)) == close((LIKED, DISLIKED))
    assert [row.comment for row in rows(agent, memory=cats)] == ["", "Wrong."]
    assert [row.useful for row in rows(agent, memory=None)] == [True]


def test_memories_may_be_judged_by_themselves(agent):
    tea, cats = make_memory(agent, "Tea."), make_memory(agent, "Cats.")
    given = say(agent, memory_ids=[tea.pk, cats.pk], comment="Both!")
    assert given.request_id == ""
    assert (worth(tea), worth(cats)) == close((LIKED, LIKED))
    assert {(row.turn_id, row.comment) for row in rows(agent)} == {(None, "Both!")}
    assert not say(agent, memory_ids=[tea.pk]).is_new


def test_an_answer_without_memories_is_judged_all_the_same(agent, turn, request_id):
    assert say(agent, request_id=request_id).memories == []
    assert [row.memory_id for row in rows(agent)] == [None]


def test_of_several_calls_with_one_request_id_the_latest_answered_one_is_meant(agent):
    tea, cats, session = make_memory(agent, "Tea."), make_memory(agent, "Cats."), make_session(agent)
    repeated = str(uuid7())
    for memory in (tea, cats):
        turn = make_turn(session)
        inject(turn, memory)
        with scope(agent.org_id):
            session.traces.filter(turn_id=turn.turn_id).update(request_id=repeated, started_at=timezone.now())
    make_trace(agent, None, request_id=repeated, status=502)
    say(agent, request_id=repeated)
    assert (worth(tea), worth(cats)) == close((NEUTRAL, LIKED))


def test_what_is_unknown_foreign_or_another_agents_is_not_there(acme, agent, foreign_agent, turn, request_id):
    other, theirs, own = make_agent(acme, "Other"), make_memory(foreign_agent, "Theirs."), make_memory(agent, "Mine.")
    gone = make_memory(agent, "Gone.", deleted_at=timezone.now())
    for stranger in (foreign_agent, other):
        assert say(stranger, request_id=request_id) is None
        assert say(stranger, turn_id=turn.turn_id) is None
    assert say(agent, request_id=str(uuid7())) is None
    for stranger, memory in ((agent, theirs), (other, own), (agent, gone)):
        with pytest.raises(InvalidRequest) as refused:
            say(stranger, memory_ids=[memory.pk, uuid7()])
        assert [(e.field, e.code.value, e.message) for e in refused.value.field_errors] == [
            (f"memory_ids[{at}]", "INVALID_FORMAT", "There is no such memory.") for at in (0, 1)
        ]
    with pytest.raises(InvalidRequest):
        say(agent, request_id=request_id, memory_ids=[own.pk])
    assert rows(agent) == rows(foreign_agent) == []


def test_a_memory_deleted_since_is_left_out(agent, turn, request_id):
    tea = make_memory(agent, "Tea.")
    inject(turn, tea)
    with scope(agent.org_id):
        store.delete(Memory.objects.get(pk=tea.pk), actor="operator:x")
    assert say(agent, request_id=request_id).memories == []
    assert [row.memory_id for row in rows(agent)] == [None]


def test_the_desk_shows_it_at_once_and_it_makes_no_version(agent):
    tea = make_memory(agent, "Tea.")
    desk.refresh(agent.org_id, agent.pk)
    say(agent, memory_ids=[tea.pk])
    assert [value["usefulness"] for value in desk.hot_values(agent.org_id, agent.pk)] == close([LIKED])
    with scope(agent.org_id):
        assert MemoryVersion.objects.filter(memory=tea).count() == 1


def test_it_is_audited_once_with_counts_only(agent, turn, request_id):
    inject(turn, make_memory(agent, "Tea."))
    for _ in range(2):
        say(agent, request_id=request_id, comment="Secret.")
    with scope(agent.org_id):
        [event] = AuditEvent.objects.filter(action="feedback.given")
    assert (event.actor, event.detail) == (APP, {"memories": 1})
    assert event.object_id == str(rows(agent)[0].pk)


def test_feedback_is_append_only_and_always_about_something(agent, acme):
    say(agent, memory_ids=[make_memory(agent, "Tea.").pk])
    for statement in ("UPDATE context_feedback SET useful = false", "DELETE FROM context_feedback"):
        with pytest.raises(DatabaseError, match="permission denied"), scope(acme.pk), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(IntegrityError, match="context_feedback_on_something"), scope(acme.pk):
        Feedback.objects.create(org=acme, agent=agent, actor=APP, useful=True)


def test_verdicts_at_the_same_time_all_count(agent):
    tea = make_memory(agent, "Tea.")

    def vote(number):
        try:
            return say(agent, memory_ids=[tea.pk], actor=f"token:{number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(vote, range(8)))
    assert worth(tea) == close(1 - (1 - NEUTRAL) * (1 - STEP) ** 8)
    assert len(rows(agent)) == 8


def test_only_the_latest_verdicts_are_read(agent, monkeypatch):
    monkeypatch.setattr("context.feedback.VERDICTS_COUNTED", 2)
    assert VERDICTS_COUNTED * STEP > 10
    tea = make_memory(agent, "Tea.")
    for number, useful in enumerate([False, True, True]):
        say(agent, useful=useful, memory_ids=[tea.pk], actor=f"token:{number}")
    assert worth(tea) == close(1 - (1 - NEUTRAL) * (1 - STEP) ** 2)


def test_usefulness_can_be_reckoned_again_at_any_time(agent):
    tea, cats = make_memory(agent, "Tea."), make_memory(agent, "Cats.", usefulness=0.9)
    say(agent, memory_ids=[tea.pk])
    with scope(agent.org_id):
        reckon(agent.org_id, store.hold_many(agent.org_id, [tea.pk, cats.pk]))
    assert (worth(tea), worth(cats)) == close((LIKED, NEUTRAL))
