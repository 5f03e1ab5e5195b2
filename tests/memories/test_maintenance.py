"""Memory that tends itself: the desk, what has expired, what was superseded, what came to say the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ, Task

from agents.models import Agent
from ibex.core.jobs import all_jobs
from ibex.core.redis import org_key, redis
from ibex.core.tenancy import scope
from memories import desk, store
from memories.choices import Operation, Relation
from memories.maintenance import consolidate, retire
from memories.models import Excerpt, Memory, MemoryVersion
from memories.retrieval import large
from tests.dashboard.conftest import make_memory
from tests.jobs import change, one_step, only_own, run_whole
from tests.memories.making import make_session, memories_of, remember, say, versions_of

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")

TEA, SAME_TEA = "The user drinks green tea in the morning.", "In the morning, the user drinks green tea."


def shown(agent: Agent, end_user: str = "") -> list[str] | None:
    values = desk.hot_values(agent.org_id, agent.pk, end_user)
    return None if values is None else sorted(value["content"] for value in values)


def statuses(agent: Agent) -> list[str]:
    return [memory.status for memory in memories_of(agent)]


def past(memory: Memory, **columns: object) -> Memory:
    """Write columns without a version, as time does."""
    change(memory, **columns)
    return memory


def expired(agent: Agent, content: str) -> Memory:
    return make_memory(agent, content, expires_at=timezone.now() - timedelta(seconds=1))


# The desk


def test_a_change_that_the_desk_did_not_hear_of_reaches_it(agent, foreign_agent):
    for each in (agent, foreign_agent):
        remember(each, "The user lives in Berlin.", observed_at=timezone.now())
        desk.refresh(each.org_id, each.pk)
    memory, _ = memories_of(agent)[0], change(memories_of(agent)[0], status="quarantined", version=2)
    with scope(agent.org_id):
        MemoryVersion.objects.create(
            org_id=agent.org_id, memory=memory, number=2, operation=Operation.QUARANTINED, actor="system", snapshot={}
        )
    assert shown(agent) == ["The user lives in Berlin."], "it was not told"
    done = run_whole("reconcile_desks")
    assert shown(agent) == []
    assert shown(foreign_agent) == ["The user lives in Berlin."]
    assert done["desks_mended"] == 1
    assert run_whole("reconcile_desks")["desks_mended"] == 0


def test_a_memory_that_the_desk_missed_is_put_there(agent):
    desk.refresh(agent.org_id, agent.pk, "ann")
    memory = remember(agent, "Ann rides a red bike.", end_user="ann", observed_at=timezone.now())
    for kind in ("hot", "hotdata"):
        key = org_key(agent.org_id, kind, agent.pk, "u", "ann")
        redis().zrem(key, str(memory.pk)) if kind == "hot" else redis().hdel(key, str(memory.pk))
    assert shown(agent, "ann") == []
    run_whole("reconcile_desks")
    assert shown(agent, "ann") == ["Ann rides a red bike."]


def test_a_cold_desk_stays_cold(agent):
    remember(agent, "The user lives in Berlin.")
    run_whole("reconcile_desks")
    assert shown(agent) is None


# What is over


def test_what_has_expired_is_archived_with_a_version_that_says_so(agent, foreign_agent):
    memory, foreign = (
        expired(agent, "The user is in Rome today."),
        remember(foreign_agent, "The user is in Rome today."),
    )
    lasting = remember(agent, "The user has a brother.", expires_at=timezone.now() + timedelta(days=1))
    run_whole("expire_memories")
    run_whole("expire_memories")
    assert statuses(agent) == ["archived", "active"]
    assert statuses(foreign_agent) == ["active"]
    assert versions_of(memory) == [("created", ""), ("updated", "expired")]
    assert len(versions_of(lasting)) == len(versions_of(foreign)) == 1


def test_what_was_superseded_is_archived_after_a_month_and_keeps_its_reason(agent):
    long_ago, lately = (remember(agent, text) for text in ("The user has a cat.", "The user has two sons."))
    for memory, days in ((long_ago, 31), (lately, 29)):
        moment = timezone.now() - timedelta(days=days)
        past(memory, status="superseded", status_reason="a newer one", updated_at=moment)
    run_whole("archive_superseded")
    run_whole("archive_superseded")
    assert statuses(agent) == ["archived", "superseded"]
    assert memories_of(agent)[0].status_reason == "a newer one"
    assert versions_of(long_ago)[1:] == [("updated", "superseded long ago")]


def test_a_killed_run_expires_the_rest_later_and_nothing_twice(agent, monkeypatch):
    monkeypatch.setattr(retire, "MEMORIES_AT_ONCE", 2)
    memories = [expired(agent, f"The user keeps {count} bees.") for count in range(5)]
    one_step("expire_memories")
    assert statuses(agent).count("archived") == 2
    run_whole("expire_memories")
    assert statuses(agent) == ["archived"] * 5
    assert {len(versions_of(memory)) for memory in memories} == {2}


def test_two_workers_at_once_expire_each_memory_once(agent):
    memories = [expired(agent, f"The user keeps {count} bees.") for count in range(8)]

    def sweep(_: int) -> None:
        list(all_jobs()["expire_memories"].steps(None))
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sweep, range(4)))
    assert {len(versions_of(memory)) for memory in memories} == {2}


def test_excerpts_go_when_they_expire(agent, foreign_agent):
    def excerpt(each: Agent, hours: int) -> None:
        session = make_session(each)
        turn = say(session, "Hello there.")
        with scope(each.org_id):
            Excerpt.objects.create(
                org_id=each.org_id,
                agent=each,
                session=session,
                checkpoint=turn,
                role="user",
                turn=1,
                said_at=turn.said_at,
                content="Hello there.",
                searchable="Hello there.",
                tokens=3,
                expires_at=timezone.now() + timedelta(hours=hours),
            )

    excerpt(agent, -1)
    excerpt(agent, 1)
    excerpt(foreign_agent, 1)
    run_whole("forget_excerpts")
    run_whole("forget_excerpts")
    for each in (agent, foreign_agent):
        with scope(each.org_id):
            assert Excerpt.objects.count() == 1


def test_a_large_agents_indexes_are_queued_and_the_removal_of_what_nobody_needs(agent, monkeypatch):
    monkeypatch.setattr(large, "_surveyed", lambda: ([("memory", agent.pk)], [("excerpt", agent.pk)]))
    assert run_whole("index_large_agents") == {"indexes_queued": 1, "removals_queued": 1}
    assert ("memory", str(agent.pk)) in asked_of_workers(large.BUILD_TASK)
    assert ("excerpt", str(agent.pk)) in asked_of_workers(large.DROP_TASK)


def asked_of_workers(function: str) -> list[tuple[str, ...]]:
    """The arguments of each task of that function, done or not."""
    waiting = [row.task["args"] for row in OrmQ.objects.all() if row.task["func"] == function]
    return [*waiting, *Task.objects.filter(func=function).values_list("args", flat=True)]


# What says the same


def alike(agent: Agent, first: str = TEA, second: str = SAME_TEA) -> tuple[Memory, Memory]:
    """Two memories that came to say the same after they were written."""
    memories = remember(agent, first), remember(agent, "The user plays chess on Sundays.")
    _, [vector] = consolidate.embedding_of([second])
    change(memories[1], content=second, embedding=vector.tolist())
    return memories


def test_memories_that_came_to_say_the_same_are_merged_into_the_one_that_tells_more(agent, foreign_agent):
    short, long = alike(agent)
    remember(foreign_agent, TEA)
    assert run_whole("consolidate_memories")["memories_merged"] == 1
    by_id = {memory.pk: memory for memory in memories_of(agent)}
    assert (by_id[short.pk].status, by_id[short.pk].merged_into_id) == ("merged", long.pk)
    assert (by_id[long.pk].status, by_id[long.pk].proof_count) == ("active", 2)
    assert statuses(foreign_agent) == ["active"]
    assert run_whole("consolidate_memories")["memories_merged"] == 0


def test_what_was_told_apart_by_hand_stays_apart(agent):
    short, _ = alike(agent)
    run_whole("consolidate_memories")
    with scope(agent.org_id):
        store.unmerge(Memory.objects.get(pk=short.pk), actor="operator:alice")
    run_whole("consolidate_memories")
    assert statuses(agent) == ["active", "active"]


@pytest.mark.parametrize(
    "columns", [{"is_pinned": True}, {"category": "episodic"}, {"end_user": "ann"}, {"status": "pending_review"}]
)
def test_what_differs_in_kind_stays_apart(agent, columns):
    short, _ = alike(agent)
    change(short, **columns)
    run_whole("consolidate_memories")
    assert "merged" not in statuses(agent)


def test_what_an_edge_ties_stays_apart(agent):
    short, long = alike(agent)
    with scope(agent.org_id):
        store.connect(long, Relation.SPECIALIZES, short)
    run_whole("consolidate_memories")
    assert "merged" not in statuses(agent)


def test_other_numbers_are_another_memory(agent):
    alike(agent, "The user's server listens on port 5432.", "The user's server listens on port 5433.")
    run_whole("consolidate_memories")
    assert statuses(agent) == ["active", "active"]


def test_an_agent_is_not_melted_in_one_day(agent, monkeypatch):
    monkeypatch.setattr(consolidate, "MERGES_A_DAY", 0)
    alike(agent)
    run_whole("consolidate_memories")
    assert "merged" not in statuses(agent)


def test_two_workers_at_once_merge_once(agent):
    _, long = alike(agent)

    def sweep(_: int) -> None:
        list(all_jobs()["consolidate_memories"].steps(None))
        connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(sweep, range(3)))
    with scope(agent.org_id):
        assert Memory.objects.get(pk=long.pk).proof_count == 2
