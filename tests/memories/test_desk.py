"""What an agent has at hand, in a real Redis."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from agents.models import Agent
from ibex.core.redis import org_key, redis
from ibex.core.tenancy import scope
from memories import desk, store
from memories.models import Memory
from memories.refinement.pipeline import refine_all
from memories.refinement.revision import restore, revise
from tests.memories.making import draft, remember


def shown(agent: Agent, end_user: str = "") -> list[str] | None:
    values = desk.hot_values(agent.org_id, agent.pk, end_user)
    return None if values is None else [value["content"] for value in values]


def refresh(agent: Agent, end_user: str = "") -> None:
    desk.refresh(agent.org_id, agent.pk, end_user)


def test_cold_and_empty_differ(agent: Agent) -> None:
    assert shown(agent) is None
    refresh(agent)
    assert shown(agent) == []


def test_a_new_memory_is_on_a_warm_desk_once_it_is_committed(agent: Agent) -> None:
    refresh(agent)
    remember(agent, "The user rides a red bike.", observed_at=timezone.now())
    assert shown(agent) == ["The user rides a red bike."]


def test_a_new_memory_does_not_warm_a_cold_desk(agent: Agent) -> None:
    remember(agent, "The user rides a red bike.")
    assert shown(agent) is None


def test_each_end_user_has_a_desk_of_their_own(agent: Agent) -> None:
    for end_user in ("", "ann", "ben"):
        refresh(agent, end_user)
    remember(agent, "The user rides a red bike.", end_user="ann")
    assert (shown(agent), shown(agent, "ann"), shown(agent, "ben")) == ([], ["The user rides a red bike."], [])


@pytest.mark.parametrize("act", ["delete", "supersede", "edit"])
def test_what_changed_is_seen_at_once(agent: Agent, act: str) -> None:
    memory = remember(agent, "The user lives in Berlin.")
    refresh(agent)
    if act == "supersede":
        remember(agent, "The user lives in Munich.", observed_at=timezone.now())
        assert shown(agent) == ["The user lives in Munich."]
        return
    with scope(agent.org_id):
        if act == "delete":
            store.delete(memory, actor="operator:1")
        else:
            store.set_tags(memory, ["home"], actor="operator:1")
    values = desk.hot_values(agent.org_id, agent.pk)
    assert [value["version"] for value in values or []] == ([] if act == "delete" else [2])


def test_a_memory_that_changes_hands_changes_desks(agent: Agent) -> None:
    memory = remember(agent, "The user lives in Berlin.", end_user="ann")
    for end_user in ("ann", "ben"):
        refresh(agent, end_user)
    revise(agent.org_id, memory.pk, actor="operator:1", end_user="ben")
    assert (shown(agent, "ann"), shown(agent, "ben")) == ([], ["The user lives in Berlin."])


def test_what_is_not_injectable_is_not_at_hand(agent: Agent) -> None:
    refresh(agent)
    remember(agent, "The user may like jazz.", confidence=0.2)
    remember(agent, "The user was on holiday.", valid_until=timezone.now() - timedelta(days=1))
    remember(agent, "The user's parking permit ends soon.", expires_at=timezone.now() + timedelta(minutes=5))
    assert shown(agent) == []
    refresh(agent)
    assert shown(agent) == []


def test_standing_instructions_stand_first_and_then_the_best(agent: Agent) -> None:
    now = timezone.now()
    remember(agent, "The user once had a blue car.", observed_at=now - timedelta(days=90))
    remember(agent, "The user has a white piano.", observed_at=now)
    remember(agent, "Always answer in French.", is_pinned=True, observed_at=now - timedelta(days=300))
    refresh(agent)
    assert shown(agent) == [
        "Always answer in French.",
        "The user has a white piano.",
        "The user once had a blue car.",
    ]


def test_it_holds_fifty_and_the_least_makes_room(agent: Agent) -> None:
    now = timezone.now()
    words = [f"The user met person {chr(97 + n % 26)}{chr(97 + n // 26)} today." for n in range(desk.SIZE + 5)]
    refine_all([draft(agent, text, observed_at=now - timedelta(days=n)) for n, text in enumerate(words)])
    refresh(agent)
    assert len(shown(agent) or []) == desk.SIZE
    remember(agent, "The user opened a bakery.", observed_at=now)
    on_desk = shown(agent) or []
    assert len(on_desk) == desk.SIZE
    assert "The user opened a bakery." in on_desk
    assert redis().zcard(org_key(agent.org_id, "hot", agent.pk)) == desk.SIZE


def test_a_removal_from_a_full_desk_makes_it_cold_because_others_may_now_belong(agent: Agent) -> None:
    words = [f"The user met person {chr(97 + n % 26)}{chr(97 + n // 26)} today." for n in range(desk.SIZE + 1)]
    refine_all([draft(agent, text) for text in words])
    refresh(agent)
    first = (desk.hot_values(agent.org_id, agent.pk) or [])[0]
    with scope(agent.org_id):
        store.delete(Memory.objects.get(pk=first["id"]), actor="operator:1")
    assert shown(agent) is None


def test_a_rebuild_that_was_overtaken_does_not_bring_back_what_was_removed(agent: Agent, monkeypatch) -> None:
    memory = remember(agent, "The user lives in Berlin.")
    read = desk.best
    overtaken = []

    def read_then_be_overtaken(*place):
        found = read(*place)
        if not overtaken:
            overtaken.append(True)
            with ThreadPoolExecutor(1) as other:
                other.submit(delete_elsewhere, memory).result()
        return found

    monkeypatch.setattr(desk, "best", read_then_be_overtaken)
    refresh(agent)
    assert overtaken
    assert shown(agent) == []


def delete_elsewhere(memory: Memory) -> None:
    with scope(memory.org_id):
        store.delete(Memory.objects.get(pk=memory.pk), actor="operator:1")
    connections["default"].close()


def test_a_writer_who_is_late_to_tell_of_an_edit_brings_nothing_back(agent: Agent) -> None:
    memory = remember(agent, "The user lives in Berlin.")
    refresh(agent)
    with scope(agent.org_id):
        late = Memory.objects.get(pk=memory.pk)
        store.delete(Memory.objects.get(pk=memory.pk), actor="operator:1")
    desk.put(late)
    assert shown(agent) == []
    refresh(agent)
    desk.put(late)
    assert shown(agent) == []
    restored = restore(agent.org_id, memory.pk, 1, actor="operator:1")
    assert (restored.memory_id, shown(agent)) == (memory.pk, ["The user lives in Berlin."])


def test_of_two_edits_the_later_one_is_shown_in_whichever_order_they_are_told(agent: Agent) -> None:
    memory = remember(agent, "The user lives in Berlin.")
    refresh(agent)
    early = memory
    revise(agent.org_id, memory.pk, actor="operator:1", content="The user lives in Bonn.")
    desk.put(early)
    assert shown(agent) == ["The user lives in Bonn."]


def test_writers_at_once_leave_on_the_desk_what_is_in_the_vault(agent: Agent) -> None:
    memories = [remember(agent, f"The user keeps {number} {animal}.") for number, animal in
                ((2, "cats"), (3, "dogs"), (4, "geese"), (5, "ponies"))]  # fmt: skip
    refresh(agent)

    def write(step: int) -> None:
        try:
            with scope(agent.org_id):
                memory = Memory.objects.get(pk=memories[step % 4].pk)
                if step in (17, 18):
                    store.delete(memory, actor="operator:1")
                elif memory.deleted_at is None:
                    store.set_tags(memory, [f"step{step}"], actor="operator:1")
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(6) as writers:
        list(writers.map(write, range(32)))
    with scope(agent.org_id):
        stored = {str(memory.pk): memory.version for memory in desk.best(agent.org_id, agent.pk)}
    on_desk = {value["id"]: value["version"] for value in desk.hot_values(agent.org_id, agent.pk) or []}
    assert on_desk == stored
    assert len(stored) == 2


def test_it_forgets_by_itself(agent: Agent) -> None:
    refresh(agent)
    assert 0 < redis().ttl(org_key(agent.org_id, "hotdata", agent.pk)) <= desk.TTL_S


def test_a_desk_that_is_written_all_the_time_is_still_rebuilt(agent: Agent) -> None:
    refresh(agent)
    key = org_key(agent.org_id, "hotdata", agent.pk)
    redis().hset(key, "built", f"warm {int(timezone.now().timestamp()) - desk.REBUILT_EVERY_S - 1}")
    remember(agent, "The user rides a red bike.")
    assert shown(agent) is None
