"""A desk that has not changed is not sent again, and one that has changed in any way is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from agents.models import Agent
from context.desk_read import DeskRead
from ibex.core.redis import org_key, redis
from memories import desk
from proxy import turn_start
from proxy.known_desks import NEVER_READ, KnownDesk, KnownDesks
from tests.memories.making import remember
from tests.proxy.conftest import Begin

HI = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each call: whether the agent's memories were sent."""
    found: list[bool] = []
    ask = turn_start._ask

    async def asked(*given: Any, **named: Any) -> list[Any]:
        answer = await ask(*given, **named)
        found.append(len(answer[3]) > 1)
        return answer

    monkeypatch.setattr(turn_start, "_ask", asked)
    monkeypatch.setattr(turn_start, "_desks", KnownDesks())
    return found


async def seen(begin: Begin, **headers: str) -> list[str] | None:
    turn = await begin(HI, **headers)
    assert turn.start is not None
    return contents(turn.start.desk)


def contents(read: DeskRead) -> list[str] | None:
    return None if read.hot is None else sorted(memory.content for memory in read.hot)


def in_thread(work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    return sync_to_async(work)(*given, **named)


async def test_what_is_known_is_not_sent_again(begin: Begin, agent: Agent, sent: list[bool]) -> None:
    await in_thread(remember, agent, "The user has a dog.")
    await in_thread(desk.refresh, agent.org_id, agent.pk)
    assert [await seen(begin) for _ in range(3)] == [["The user has a dog."]] * 3
    assert sent == [True, False, False]


async def test_every_change_is_seen_by_the_next_call(begin: Begin, agent: Agent, sent: list[bool]) -> None:
    dog = await in_thread(remember, agent, "The user has a dog.")
    await in_thread(desk.refresh, agent.org_id, agent.pk)
    assert await seen(begin) == ["The user has a dog."]
    cat = await in_thread(remember, agent, "The user has a cat.")
    await in_thread(desk.put, cat)
    assert await seen(begin) == ["The user has a cat.", "The user has a dog."]
    await in_thread(desk.drop, agent.org_id, agent.pk, dog.pk, version=dog.version)
    assert await seen(begin) == ["The user has a cat."]
    await in_thread(desk.refresh, agent.org_id, agent.pk)
    assert await seen(begin) == ["The user has a cat.", "The user has a dog."]
    redis().delete(org_key(agent.org_id, "hotdata", agent.pk))
    assert await seen(begin) is None
    assert sent == [True] * 5


async def test_an_end_users_desk_is_known_beside_the_agents(begin: Begin, agent: Agent, sent: list[bool]) -> None:
    await in_thread(remember, agent, "Everyone's.")
    await in_thread(remember, agent, "Ann's.", end_user="ann")
    for end_user in ("", "ann"):
        await in_thread(desk.refresh, agent.org_id, agent.pk, end_user)
    for _ in range(2):
        assert await seen(begin) == ["Everyone's."]
        assert await seen(begin, x_ibex_user_id="ann") == ["Ann's.", "Everyone's."]
    assert sent == [True, False, False, False]


def test_the_desk_that_was_not_asked_for_longest_is_forgotten() -> None:
    desks = KnownDesks(most=2)
    for key in ("a", "b", "a", "c"):
        desks.read(key, desks.get(key), [b"1", [key.encode()]] if desks.get(key) is NEVER_READ else [b"1"])
    assert [desks.get(key) for key in "abc"] == [KnownDesk(b"1", (b"a",)), NEVER_READ, KnownDesk(b"1", (b"c",))]
