"""From turns to memories: once each, whoever runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from agents.models import Agent, Session
from context.models import Injection
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from memories import store, tasks
from memories.choices import Category, Source
from memories.models import Excerpt
from tests.memories.making import make_session, memories_of, pointer_of, remember, say


def mine(session: Session) -> None:
    tasks.extract_session(str(session.org_id), str(session.pk))


def contents(agent: Agent) -> list[str]:
    return [memory.content for memory in memories_of(agent)]


def excerpts_of(session: Session) -> list[str]:
    with scope(session.org_id):
        return list(Excerpt.objects.filter(session=session).order_by("turn").values_list("content", flat=True))


def test_a_turn_becomes_memories_with_their_provenance(agent: Agent) -> None:
    session = make_session(agent, end_user="ann")
    turn = say(session, "My name is Ines and I work as a nurse in Porto.")
    mine(session)
    found = memories_of(agent)
    assert found
    assert all("nurse" in memory.content or "Ines" in memory.content for memory in found)
    for memory in found:
        assert (memory.session_id, memory.checkpoint_id, memory.end_user) == (session.pk, turn.pk, "ann")
        assert memory.evidence in turn.user_text
        assert memory.extractor.startswith("local")
    assert pointer_of(session) == 1
    assert excerpts_of(session) == [turn.user_text]


def test_the_same_turn_twice_makes_nothing_twice(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "I live in Porto and I have a dog named Biscuit.")
    mine(session)
    before = [(memory.content, memory.proof_count, memory.version) for memory in memories_of(agent)]
    mine(session)
    assert [(memory.content, memory.proof_count, memory.version) for memory in memories_of(agent)] == before
    with scope(session.org_id):
        Session.objects.filter(pk=session.pk).update(last_extracted_turn=0)
    mine(session)
    assert contents(agent) == [content for content, _, _ in before]
    assert len(excerpts_of(session)) == 1


def test_only_turns_that_may_teach_do_and_the_pointer_passes_the_others(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "I live in Porto.", may_learn=False)
    say(session, "I work as a plumber.", is_complete=False)
    say(session, "I play the violin.")
    mine(session)
    assert contents(agent)
    assert all("violin" in content for content in contents(agent))
    assert excerpts_of(session) == ["I play the violin."]
    assert pointer_of(session) == 3


def test_later_turns_are_mined_where_the_pointer_stands(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "I live in Porto.")
    mine(session)
    say(session, "I play the violin.")
    mine(session)
    assert pointer_of(session) == 2
    assert len(contents(agent)) == len(set(contents(agent)))


def test_two_workers_never_mine_the_same_turns_twice(agent: Agent) -> None:
    session = make_session(agent)
    for text in ("I live in Porto.", "I play the violin.", "My dog is named Biscuit.", "I work as a nurse."):
        say(session, text)

    def work(_: int) -> None:
        try:
            mine(session)
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert pointer_of(session) == 4
    assert {memory.proof_count for memory in memories_of(agent)} == {1}


def test_what_was_injected_is_not_learned_again_when_the_model_echoes_it(agent: Agent) -> None:
    known = remember(agent, "The user booked a cabin near the lake.")
    session = make_session(agent)
    turn = say(session, "What did I book?", "You booked a cabin near the lake. I have booked a cabin near the lake.")
    with scope(agent.org_id):
        Injection.objects.create(
            org_id=agent.org_id, agent=agent, memory=known, turn_id=turn.turn_id, memory_version=1, rank=1, score=1.0,
            components={}, arm="cold", tokens=8, is_packed=True,
        )  # fmt: skip
    mine(session)
    assert [memory.pk for memory in memories_of(agent)] == [known.pk]


def test_a_standing_instruction_is_pinned(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "From now on, always answer me in French.")
    mine(session)
    [memory] = memories_of(agent)
    assert (memory.category, memory.is_pinned) == (Category.PROCEDURAL, True)


def test_a_deleted_memory_does_not_come_back_from_the_same_turns(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "I live in Porto.")
    mine(session)
    with scope(agent.org_id):
        store.delete_many(memories_of(agent), actor="operator:1")
        Session.objects.filter(pk=session.pk).update(last_extracted_turn=0)
    mine(session)
    assert [memory for memory in memories_of(agent) if memory.deleted_at is None] == []


def test_imported_turns_teach_what_the_user_said_and_not_what_the_assistant_did(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "I live in Porto.", "You have a cat named Whiskers and you work as a surgeon.", is_imported=True)
    say(session, "Hm.", "So you play the violin, right?", is_imported=True)
    say(session, "Yes, exactly.")
    mine(session)
    learned = " ".join(contents(agent))
    assert "Porto" in learned
    assert "Whiskers" not in learned
    assert "surgeon" not in learned
    assert {memory.source for memory in memories_of(agent)} == {Source.EXTRACTED}


def test_imported_turns_that_may_not_teach_do_not(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "I live in Porto.", is_imported=True, may_learn=False)
    mine(session)
    assert (contents(agent), excerpts_of(session), pointer_of(session)) == ([], [], 1)


def test_nobody_confirms_what_was_said_to_somebody_else(agent: Agent) -> None:
    session = make_session(agent)
    say(session, "Hm.", "So you live in Berlin, right?", end_user="alice")
    say(session, "Yes, exactly.", end_user="bob")
    mine(session)
    assert contents(agent) == []


def test_a_session_that_is_gone_is_nobodys_problem(agent: Agent) -> None:
    tasks.extract_session(str(agent.org_id), str(uuid7()))


def test_a_foreign_session_is_not_there(agent: Agent, foreign_agent: Agent) -> None:
    session = make_session(agent)
    say(session, "I live in Porto.")
    tasks.extract_session(str(foreign_agent.org_id), str(session.pk))
    assert contents(agent) == []
