"""Calls of a held-out session and of an agent in the shadow, from the request to the vault."""

from __future__ import annotations

import pytest

from agents.models import Agent, Session
from context.models import Injection
from context.selectors import injections_of_turns
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from memories import desk
from memories.models import Memory
from proxy.vault_writer import write_turns
from tests.dashboard.conftest import make_memory
from tests.factories import make_token
from tests.jobs import run_whole
from tests.proxy.asgi import call, in_thread

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "What is my dog called?"}]}
DOG = "The user's dog is called Rex."


@pytest.fixture
def ask(hot_path, own_journal, acme, agent, patient):
    """One call in a session of that name; returns the answer."""
    token = make_token(acme)

    async def ask(session: str, **headers: str):
        return await call(
            "POST",
            "/v1/chat/completions",
            QUESTION,
            authorization=f"Bearer {token}",
            x_ibex_agent_id=agent.slug,
            x_ibex_session_id=session,
            **headers,
        )

    return ask


@pytest.fixture
def patient(monkeypatch):
    """A busy machine must not decide these tests."""
    monkeypatch.setattr("context.assembler.RETRIEVAL_DEADLINE_S", 30.0)
    monkeypatch.setattr("context.assembler.WALL_S", 60.0)


def knowing(agent: Agent, **settings: object) -> Memory:
    """The agent has a memory on its desk, and these settings."""
    memory = make_memory(agent, DOG)
    desk.refresh(agent.org_id, agent.pk)
    with scope(agent.org_id):
        Agent.objects.filter(pk=agent.pk).update(**settings)
    return memory


def written(agent: Agent, entries) -> tuple[Session, list[Injection], Memory]:
    """What the vault has of one turn."""
    told = entries()
    write_turns(agent.org_id, told)
    run_whole("count_injections")
    with scope(agent.org_id):
        receipts = injections_of_turns(agent.org_id, [entry.turn_id for entry in told])
        return (
            Session.objects.get(agent=agent),
            [line for lines in receipts.values() for line in lines],
            Memory.objects.get(agent=agent),
        )


async def test_with_a_holdout_of_none_the_memory_is_shown_and_the_session_compared_with_nobody(ask, agent, entries):
    await in_thread(lambda: knowing(agent))
    answer = await ask("a")
    assert answer.headers["x-ibex-memories-injected"] == "1"
    session, lines, memory = await in_thread(lambda: written(agent, entries))
    assert (session.holdout_share, session.is_held_out) == (0.0, False)
    assert [line.is_packed for line in lines] == [True]
    assert memory.injection_count == 1


async def test_a_held_out_session_is_answered_without_memories_and_says_no_fallback(ask, agent, entries):
    await in_thread(lambda: knowing(agent, holdout_share=1.0))
    answer = await ask("a")
    assert answer.status == 200
    assert (answer.headers["x-ibex-memories-injected"], answer.headers["x-ibex-context-fallback"]) == ("0", "false")
    [entry] = kept = entries()
    assert (entry.checkpoint["holdout_share"], entry.checkpoint["is_held_out"]) == (1.0, True)
    assert entry.checkpoint["may_learn"] is True
    session, lines, memory = await in_thread(lambda: written(agent, lambda: kept))
    assert (session.holdout_share, session.is_held_out, lines, memory.injection_count) == (1.0, True, [], 0)


async def test_sessions_beside_the_held_out_ones_are_compared_and_shown_memories(ask, agent, entries, monkeypatch):
    await in_thread(lambda: knowing(agent, holdout_share=0.5))
    monkeypatch.setattr("agents.holdout.place_of", lambda agent_id, session_id: 0.7)
    assert (await ask("a")).headers["x-ibex-memories-injected"] == "1"
    session, _, _ = await in_thread(lambda: written(agent, entries))
    assert (session.holdout_share, session.is_held_out) == (0.5, False)


async def test_in_the_shadow_everything_is_recorded_and_nothing_counts_as_shown(ask, agent, entries):
    await in_thread(lambda: knowing(agent, shadows=True, holdout_share=1.0))
    answer = await ask("a")
    assert (answer.headers["x-ibex-memories-injected"], answer.headers["x-ibex-context-fallback"]) == ("0", "false")
    session, lines, memory = await in_thread(lambda: written(agent, entries))
    assert [(line.is_packed, line.reason, line.rank) for line in lines] == [(False, "shadow", 1)]
    assert lines[0].components["relevance"] > 0
    assert (memory.injection_count, memory.last_injected_at) == (0, None)
    assert (session.holdout_share, session.is_held_out) == (0.0, False)


async def test_calls_that_failed_are_counted_in_their_session(call, drained, agent):
    hello = [{"role": "user", "content": "Hi"}]
    first = await call(hello, X_IBEX_Session_ID="a")
    await call(hello, X_IBEX_Session_ID="never answered", fails=True)
    for _ in range(2):
        await call(hello, X_IBEX_Session_ID="a", fails=True)
    await drained()

    def failed():
        with scope(agent.org_id):
            return dict(Session.objects.filter(agent=agent).values_list("pk", "failed_calls"))

    assert await in_thread(failed) == {first.start.session.id: 2}


async def test_a_journal_of_before_there_was_a_holdout_is_written_as_ever(ask, agent, entries):
    await in_thread(lambda: knowing(agent))
    await ask(str(uuid7()))
    [entry] = kept = entries()
    for name in ("holdout_share", "is_held_out"):
        del entry.checkpoint[name]
    session, _, _ = await in_thread(lambda: written(agent, lambda: kept))
    assert (session.holdout_share, session.is_held_out, session.turn_count) == (0.0, False, 1)
