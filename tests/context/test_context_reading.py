"""Reading turns: what answers used, what users corrected, what it cost; once, and in the right tenant."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from agents.models import Agent, Checkpoint, Organization, Session, Trace
from context import reading
from context.feedback import Ballot, give
from context.models import AssemblyRecord, Outcome, Reading
from ibex.core.tenancy import scope
from memories import desk, store
from memories.models import Memory, MemoryVersion
from memories.refinement.revision import revise
from memories.usefulness import NEUTRAL, REACH, STEP
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.jobs import made_days_ago, one_step, only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")

ASKED, ANSWERED = "What is my dog called?", "Your dog is called Rex."
REX, NURSE = "The user's dog is called Rex.", "The user works as a nurse in Leeds."


def served(turn: Checkpoint, mode: str) -> None:
    with scope(turn.org_id):
        AssemblyRecord.objects.create(
            org_id=turn.org_id, agent_id=turn.agent_id, turn_id=turn.turn_id, assembled_at=timezone.now(), mode=mode
        )


def readings(agent: Agent) -> dict[str, bool]:
    with scope(agent.org_id):
        return {row.memory.content: row.is_used for row in Reading.objects.filter(agent=agent).select_related("memory")}


def outcome(session: Session) -> Outcome:
    with scope(session.org_id):
        return Outcome.objects.get(session=session)


def now(memory: Memory) -> Memory:
    with scope(memory.org_id):
        return Memory.objects.get(pk=memory.pk)


@pytest.fixture
def rex(agent: Agent) -> Memory:
    return make_memory(agent, REX)


@pytest.fixture
def turn(agent: Agent, rex: Memory) -> Checkpoint:
    """An answer that used one of its two memories."""
    turn = make_turn(make_session(agent), ASKED, ANSWERED, prompt_tokens=100, completion_tokens=7)
    inject(turn, rex)
    inject(turn, make_memory(agent, NURSE), rank=2)
    inject(turn, make_memory(agent, "The user owns a cat."), rank=3, is_packed=False)
    return turn


def test_what_the_answer_used_is_noted_and_counted(agent, turn, rex):
    done = run_whole("read_turns")
    assert done == {"turns": 1, "memories_used": 1, "corrections": 0}
    assert readings(agent) == {REX: True, NURSE: False}
    assert (now(rex).answer_count, now(rex).used_count) == (1, 1)
    assert now(rex).usefulness > NEUTRAL


def test_a_memory_that_was_shown_in_vain_loses_a_little_and_never_much(agent, turn, rex):
    run_whole("read_turns")
    with scope(agent.org_id):
        nurse = Memory.objects.get(content=NURSE)
    assert NEUTRAL - REACH < nurse.usefulness < NEUTRAL
    assert (nurse.answer_count, nurse.used_count) == (1, 0)


def test_a_turn_is_read_once_however_often_the_job_runs(agent, turn, rex):
    run_whole("read_turns")
    first = now(rex)
    assert run_whole("read_turns") == {}
    assert run_whole("read_turns") == {}
    again = now(rex)
    assert (again.answer_count, again.usefulness) == (1, first.usefulness)
    assert outcome(turn.session).turns == 1


def test_later_turns_are_added_to_what_came_of_the_session(agent, turn):
    run_whole("read_turns")
    make_turn(turn.session, "No, I meant my cat.", "Tom.", prompt_tokens=120, completion_tokens=2)
    run_whole("read_turns")
    found = outcome(turn.session)
    assert (found.turns, found.prompt_tokens, found.completion_tokens, found.corrections) == (2, 220, 9, 1)
    assert found.corrected == {"2": "says_what_was_meant"}


def test_a_killed_run_reads_the_rest_later(agent, monkeypatch):
    monkeypatch.setattr(reading, "SESSIONS_AT_ONCE", 2)
    sessions = [make_turn(make_session(agent)).session for _ in range(5)]
    one_step("read_turns")
    run_whole("read_turns")
    assert [outcome(session).turns for session in sessions] == [1] * 5


def test_a_long_session_is_read_in_steps(agent, monkeypatch):
    monkeypatch.setattr(reading, "TURNS_AT_ONCE", 2)
    session = make_session(agent)
    for _ in range(5):
        make_turn(session)
    for _ in range(3):
        run_whole("read_turns")
    assert outcome(session).turns == 5
    with scope(agent.org_id):
        assert Session.objects.get(pk=session.pk).last_read_turn == 5


def test_imported_turns_count_for_nothing_but_are_known_words(agent, rex):
    session = make_session(agent)
    make_turn(session, "My dog Rex is a poodle.", "Nice!", is_imported=True)
    inject(make_turn(session, ASKED, ANSWERED), rex)
    run_whole("read_turns")
    assert outcome(session).turns == 1
    assert readings(agent) == {}


@pytest.mark.parametrize("broken", [{"is_complete": False}, {"assistant": ""}])
def test_an_answer_that_was_cut_off_or_has_no_words_says_nothing_of_memories(agent, rex, broken):
    inject(make_turn(make_session(agent), ASKED, **({"assistant": ANSWERED} | broken)), rex)
    run_whole("read_turns")
    assert readings(agent) == {}
    assert now(rex).usefulness == NEUTRAL


def test_of_a_replayed_memory_only_a_use_is_news(agent, rex):
    session, nurse = make_session(agent), make_memory(agent, NURSE)
    for answer in ("Hello!", ANSWERED):
        turn = make_turn(session, "Well?", answer)
        inject(turn, rex, arm="replayed")
        inject(turn, nurse, rank=2, arm="replayed")
    run_whole("read_turns")
    assert readings(agent) == {REX: True}


def test_it_is_read_as_it_was_shown_and_not_at_all_once_deleted(agent, turn, rex):
    revise(agent.org_id, rex.pk, actor="operator:x", content="The user's cat is called Tom.")
    with scope(agent.org_id):
        store.delete(Memory.objects.get(content=NURSE), actor="operator:x")
        assert MemoryVersion.objects.filter(memory=rex).count() == 2
    run_whole("read_turns")
    assert readings(agent) == {"The user's cat is called Tom.": True}


def test_costs_and_degraded_turns_are_summed(agent):
    session = make_session(agent)
    turns = [make_turn(session) for _ in range(3)]
    with scope(agent.org_id):
        for each, columns in zip(
            turns, ({"cost": Decimal("0.25")}, {"cost": Decimal("0.5"), "level": 3}, {}), strict=True
        ):
            Trace.objects.filter(turn_id=each.turn_id).update(**columns)
    run_whole("read_turns")
    found = outcome(session)
    assert (found.cost, found.unpriced, found.degraded) == (0.75, 1, 1)


@pytest.mark.parametrize(
    ("arm", "modes", "mixed"),
    [
        ({}, ["on", "on"], ""),
        ({"is_held_out": True}, ["held_out"], ""),
        ({}, ["on", "off"], "off"),
        ({"is_held_out": True}, ["held_out", "off"], "off"),
        ({}, ["shadow"], "shadow"),
        ({}, ["on", "held_out"], "changed"),
        ({"is_held_out": True}, ["held_out", "on"], "changed"),
        ({}, [], ""),
    ],
)
def test_a_session_whose_turns_were_served_in_other_ways_than_its_arm_says_is_mixed(agent, arm, modes, mixed):
    session = make_session(agent, holdout_share=0.5, **arm)
    for mode in modes:
        served(make_turn(session), mode)
    make_turn(session)  # of before receipts had a mode
    run_whole("read_turns")
    assert outcome(session).mixed == mixed


def test_an_explicit_verdict_outweighs_whatever_answers_show(agent, rex):
    session = make_session(agent)
    for _ in range(12):
        inject(make_turn(session, "Well?", ANSWERED), rex, arm="cold")
    with scope(agent.org_id):
        give(Ballot(org_id=agent.org_id, actor="token:t", useful=False, memory_ids=[rex.pk]))
    run_whole("read_turns")
    assert NEUTRAL - STEP * NEUTRAL < now(rex).usefulness < NEUTRAL


def test_the_desk_hears_of_it(agent, turn, rex):
    desk.refresh(agent.org_id, agent.pk)
    run_whole("read_turns")
    known = {value["id"]: value["usefulness"] for value in desk.hot_values(agent.org_id, agent.pk)}
    assert known[str(rex.pk)] == pytest.approx(now(rex).usefulness)


def test_readings_are_append_only_and_go_with_the_retention_of_traces(acme, agent, foreign_agent, turn):
    run_whole("read_turns")
    for statement in ("UPDATE context_reading SET is_used = true", "DELETE FROM context_reading"):
        with pytest.raises(DatabaseError, match="permission denied"), scope(acme.pk), connection.cursor() as cursor:
            cursor.execute(statement)
    with scope(acme.pk):
        Organization.objects.filter(pk=acme.pk).update(trace_retention_days=7)
        rows: list[Any] = list(Reading.objects.all())
    for row, days in zip(rows, (6, 8), strict=True):
        made_days_ago(row, days)
    run_whole("forget_injections")
    with scope(acme.pk):
        assert Reading.objects.count() == 1


def test_a_tenant_reads_its_own_turns_only(agent, foreign_agent, turn):
    theirs = make_turn(make_session(foreign_agent), ASKED, ANSWERED)
    inject(theirs, make_memory(foreign_agent, REX))
    run_whole("read_turns")
    assert readings(foreign_agent) == {REX: True}
    with scope(agent.org_id):
        assert not Reading.objects.filter(turn_id=theirs.turn_id).exists()
        assert not Outcome.objects.filter(session=theirs.session_id).exists()
