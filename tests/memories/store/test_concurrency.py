"""Writers who meet: no deadlock, nothing lost, nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.db import connection, connections

from agents.models import Agent
from context.models import Injection
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope
from memories import store
from memories.models import Memory
from memories.refinement.pipeline import before_write, write_all
from tests.factories import Person
from tests.memories.making import draft, memories_of, remember

WRITERS = 50
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()
"""


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    """Started, with a connection of its own; its failures end up in the list."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 - the test looks at it
            failures.append(failure)
        finally:
            connections["default"].close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, failures


def until_somebody_waits_for_a_lock() -> None:
    event = threading.Event()
    with connection.cursor() as cursor:
        for _ in range(1_000):
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
            event.wait(0.01)
    raise AssertionError("nobody waits")


def shown(memory: Memory) -> None:
    """It was put into a prompt."""
    with scope(memory.org_id):
        Injection.objects.create(
            org_id=memory.org_id, memory=memory, turn_id=uuid7(), memory_version=1, rank=1, score=0.5, arm="cold",
            tokens=1, is_packed=True,
        )  # fmt: skip


def count(agent: Agent) -> list[UUID]:
    with scope(agent.org_id):
        return store.count_injections(agent.org_id, since=UUID(int=0), after=None, most=100)


def test_counting_injections_and_refinement_take_turns(agent: Agent) -> None:
    """Counting takes the older memory first, refinement bumps the newer one first: once that was a deadlock."""
    older, newer = remember(agent, "The user drinks tea."), remember(agent, "The user owns a sailing boat.")
    again = before_write([draft(agent, newer.content), draft(agent, older.content)])
    shown(older)
    shown(newer)
    first_written, counter_waits = threading.Event(), threading.Event()

    def refine_slowly() -> None:
        with scope(agent.org_id):
            write_all(again[:1])
            first_written.set()
            assert counter_waits.wait(20)
            write_all(again[1:])

    refining, refining_failed = in_thread(refine_slowly)
    assert first_written.wait(20)
    counting, counting_failed = in_thread(lambda: count(agent))
    until_somebody_waits_for_a_lock()
    counter_waits.set()
    refining.join(30)
    counting.join(30)
    assert refining_failed + counting_failed == []
    assert [(memory.proof_count, memory.injection_count) for memory in memories_of(agent)] == [(2, 1), (2, 1)]


def test_an_injection_is_counted_once_however_often_is_looked(agent: Agent) -> None:
    memory, other = remember(agent, "The user drinks tea."), remember(agent, "The user owns a sailing boat.")
    for _ in range(3):
        shown(memory)
    assert [count(agent), count(agent)] == [[memory.pk], []]
    assert [one.injection_count for one in memories_of(agent)] == [3, 0]
    shown(memory)
    count(agent)
    again = {one.pk: one for one in memories_of(agent)}
    assert (again[memory.pk].injection_count, again[other.pk].last_injected_at) == (4, None)


def test_fifty_callers_who_post_the_same_words_make_one_memory(agent: Agent, alice: Person) -> None:
    body = {"agent_id": str(agent.pk), "content": "The office closes at six on Fridays.", "category": "procedural"}

    def post(_number: int) -> tuple[int, str]:
        try:
            answer = alice.client.post("/api/v1/memories", body, content_type="application/json", headers=alice.bearer)
            return answer.status_code, answer.json()["result"]
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(WRITERS) as pool:
        results = sorted(pool.map(post, range(WRITERS)))
    assert results == [(200, "duplicate_of")] * (WRITERS - 1) + [(201, "created")]
    [memory] = memories_of(agent)
    assert memory.proof_count == WRITERS


def test_two_who_merge_the_same_pair_the_other_way_round_do_not_wait_for_ever(agent: Agent) -> None:
    tea, cup = remember(agent, "The user drinks tea."), remember(agent, "A cup of tea is the user's breakfast.")

    def merge(keep: Memory, gone: Memory) -> None:
        with scope(agent.org_id):
            store.merge(keep, gone, actor="operator:1")

    threads = [in_thread(lambda: merge(tea, cup)), in_thread(lambda: merge(cup, tea))]
    for thread, _ in threads:
        thread.join(30)
    assert sum(len(failures) for _, failures in threads) == 1
    assert sorted(memory.status for memory in memories_of(agent)) == ["active", "merged"]
