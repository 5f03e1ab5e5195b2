from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from redis import Redis

from agents import directive_desk
from agents.directive_desk import KEPT_S, StandingDirective, load, publish
from agents.models import Agent, Directive
from agents.services import directives
from ibex.core import database, metrics
from ibex.core.ids import uuid7
from ibex.core.redis import close_async_redis, org_key, redis
from ibex.core.tenancy import scope
from ibex.core.tokens import count

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def pool() -> AsyncIterator[None]:
    await database.open_hot_pool()
    yield
    await database.close_hot_pool()
    await close_async_redis()


def key(agent: Agent) -> str:
    return org_key(agent.org_id, "directive", agent.pk)


def on_the_desk(agent: Agent) -> dict[str, Any]:
    return json.loads(redis().get(key(agent)))


@sync_to_async
def save(agent: Agent, content: str) -> Directive:
    with scope(agent.org_id):
        return directives.save(agent, content, actor="system")


def test_the_older_of_two_racing_changes_never_wins(agent: Agent) -> None:
    newer = StandingDirective(at=NOON, id=uuid7(), version=2, content="New")
    older = StandingDirective(at=NOON - timedelta(microseconds=1), id=uuid7(), version=1, content="Old")
    for directive in (newer, older):
        publish(agent.org_id, agent.pk, directive)
    assert on_the_desk(agent)["content"] == "New"


async def test_a_cold_desk_is_filled_from_the_vault(pool: None, agent: Agent) -> None:
    saved = await save(agent, "Be kind.")
    redis().delete(key(agent))
    loaded = await load(agent.org_id, agent.pk)
    assert loaded is not None
    assert (loaded.id, loaded.version, loaded.content, loaded.tokens) == (saved.pk, 1, "Be kind.", count("Be kind."))
    assert on_the_desk(agent)["content"] == "Be kind."
    assert on_the_desk(agent)["tokens"] == count("Be kind.")
    assert 0 < redis().ttl(key(agent)) <= KEPT_S


async def test_the_desk_remembers_that_there_is_none(pool: None, agent: Agent) -> None:
    assert await load(agent.org_id, agent.pk) == StandingDirective(at=(await sync_to_async(fresh)(agent)).updated_at)
    assert on_the_desk(agent)["content"] == ""


async def test_a_strangers_agent_is_not_there(pool: None, agent: Agent, foreign_agent: Agent) -> None:
    await save(foreign_agent, "Secret")
    assert await load(agent.org_id, foreign_agent.pk) is None


def fresh(agent: Agent) -> Agent:
    with scope(agent.org_id):
        return Agent.objects.get(pk=agent.pk)


def test_a_change_that_is_rolled_back_never_reaches_the_desk(agent: Agent) -> None:
    with scope(agent.org_id):
        directives.save(agent, "Never", actor="system")
        transaction.set_rollback(True)
    assert redis().get(key(agent)) is None


def test_writers_at_the_same_moment_get_versions_one_after_the_other(agent: Agent) -> None:
    def write(number: int) -> int:
        try:
            with scope(agent.org_id):
                return directives.save(agent, f"Text {number}", actor="system").version
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        versions = list(threads.map(write, range(8)))
    assert sorted(versions) == list(range(1, 9))
    assert on_the_desk(agent)["version"] == 8


def test_a_dead_redis_stops_no_change_and_is_counted(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = metrics.FAIL_OPEN.labels(step="directive_desk")
    before = counter._value.get()
    nowhere: Callable[[], Redis] = lambda: Redis.from_url("unix:///nonexistent/ibex.sock")  # noqa: E731
    monkeypatch.setattr(directive_desk, "redis", nowhere)
    with scope(agent.org_id):
        directives.save(agent, "Be kind.", actor="system")
    assert counter._value.get() == before + 1
    assert fresh(agent).directive_id is not None
