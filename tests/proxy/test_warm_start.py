"""A process that starts reads what the latest agents need: their first callers miss nothing, nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone

from agents.models import Agent, Session
from ibex.core.tenancy import cross_tenant, scope
from memories.retrieval import search as searching
from memories.retrieval.held import shelf
from memories.retrieval.vocabulary import profiles
from memories.slots import Slot
from proxy import warm_start
from proxy.warm_start import Recent
from tests.memories.making import make_session, remember
from tests.proxy.application import Application, application
from tests.proxy.conftest import own_journal

__all__ = ["application", "own_journal"]

FACTS = ("My dog is called Biscuit.", "My cat is called Tom.")
YEARS = 20
"""Ahead of every other test's sessions."""


@pytest.fixture(autouse=True)
def a_process_that_starts(hot_path: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(warm_start, "AGENTS_MAX", 4)
    monkeypatch.setattr(warm_start, "WITHIN_S", 60.0)
    shelf.clear()
    profiles.clear()
    yield
    shelf.clear()
    profiles.clear()


@pytest.fixture
def spoke() -> Iterator[Any]:
    """Lets an agent have spoken with an end user, after everybody else; in the end nobody has."""
    made: list[Session] = []

    def spoke(agent: Agent, end_user: str = "", status: str = "active") -> Recent:
        session = make_session(agent, end_user=end_user, status=status)
        made.append(session)
        late = timezone.now() + timedelta(days=365 * YEARS)
        with scope(agent.org_id):
            Session.objects.filter(pk=session.pk).update(last_turn_at=late)
        return Recent(agent.org_id, agent.pk, end_user)

    yield spoke
    with cross_tenant("tests") as system:
        Session.objects.using(system).filter(pk__in=[session.pk for session in made]).update(
            last_turn_at=timezone.now() - timedelta(days=365)
        )


def remember_all(agent: Agent, facts: tuple[str, ...] = FACTS, **fields: Any) -> None:
    for fact in facts:
        remember(agent, fact, **fields)


async def refuse(*_given: Any) -> Any:
    raise AssertionError("the vault is searched")


async def test_the_first_call_is_answered_from_what_is_held(
    agent: Agent, application: Application, spoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(remember_all)(agent)
    await sync_to_async(spoke)(agent)
    await warm_start.warm_start()
    monkeypatch.setattr(searching, "drive", refuse)
    messages = await application.ask("What is my dog called?")
    assert "Biscuit" in str(messages)
    assert application.answer is not None
    assert application.answer.headers["x-ibex-context-fallback"] == "false"


async def test_without_it_the_first_call_asks_the_vault(
    agent: Agent, application: Application, spoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(remember_all)(agent)
    await sync_to_async(spoke)(agent)
    monkeypatch.setattr(searching, "drive", refuse)
    await application.ask("What is my dog called?")
    assert application.answer is not None
    assert application.answer.headers["x-ibex-context-fallback"] == "true"


async def test_a_profile_is_made_too_for_when_the_copy_is_too_old(agent: Agent, spoke: Any) -> None:
    await sync_to_async(remember_all)(agent)
    await sync_to_async(spoke)(agent)
    await warm_start.warm_start()
    for kind in ("memory", "excerpt"):
        assert profiles.get((agent.org_id, agent.pk, "", kind, Slot().name)) is not None


async def test_the_latest_come_first_each_once_of_all_organizations(
    agent: Agent, foreign_agent: Agent, spoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak() -> list[Recent]:
        spoke(agent)
        spoke(foreign_agent, "ann", "completed")
        spoke(agent)
        return warm_start.latest()

    assert (await sync_to_async(speak)())[:2] == [
        Recent(agent.org_id, agent.pk, ""),
        Recent(foreign_agent.org_id, foreign_agent.pk, "ann"),
    ]
    monkeypatch.setattr(warm_start, "AGENTS_MAX", 1)
    assert await sync_to_async(warm_start.latest)() == [Recent(agent.org_id, agent.pk, "")]


async def test_what_is_read_is_what_that_end_user_of_that_organization_may_see(
    agent: Agent, foreign_agent: Agent, spoke: Any
) -> None:
    await sync_to_async(remember_all)(agent)
    await sync_to_async(remember_all)(agent, ("I am Ann.",), end_user="ann")
    await sync_to_async(remember_all)(agent, ("I am Ben.",), end_user="ben")
    recent = await sync_to_async(spoke)(agent, "ann")
    await warm_start.warm(recent)
    held = shelf._copies[(agent.org_id, agent.pk, "ann", "memory")]
    assert {row[3] for row in held.rows} == {*FACTS, "I am Ann."}
    await warm_start.warm(Recent(foreign_agent.org_id, agent.pk, ""))
    assert not shelf._copies[(foreign_agent.org_id, agent.pk, "", "memory")].rows


async def test_an_agent_that_cannot_be_read_keeps_nobody_else_waiting(
    agent: Agent, foreign_agent: Agent, spoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm, read = warm_start.warm, []

    async def fails_for_the_first(recent: Recent) -> None:
        if recent.agent_id == agent.pk:
            raise OperationalError
        await warm(recent)
        read.append(recent.agent_id)

    await sync_to_async(spoke)(foreign_agent)
    await sync_to_async(spoke)(agent)
    monkeypatch.setattr(warm_start, "warm", fails_for_the_first)
    await warm_start.warm_start()
    assert foreign_agent.pk in read


async def test_a_vault_that_is_away_keeps_no_process_from_being_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> list[Recent]:
        raise OperationalError

    monkeypatch.setattr(warm_start, "latest", away)
    await warm_start.warm_start()


async def test_a_process_waits_no_longer_than_it_may(agent: Agent, spoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(_recent: Recent) -> None:
        await asyncio.Event().wait()

    await sync_to_async(spoke)(agent)
    monkeypatch.setattr(warm_start, "warm", hangs)
    monkeypatch.setattr(warm_start, "WITHIN_S", 0.05)
    async with asyncio.timeout(10):
        await warm_start.warm_start()


async def test_a_full_shelf_is_left_as_it_is(agent: Agent, spoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await sync_to_async(spoke)(agent)
    monkeypatch.setattr("memories.retrieval.held.ROWS_KEPT", 0)
    monkeypatch.setattr(warm_start, "warm", refuse)
    monkeypatch.setattr(warm_start, "_failed", lambda error: pytest.fail(str(error)))
    await warm_start.warm_start()
