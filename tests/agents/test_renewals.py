"""Who calls often is verified again behind their back, before they would have to wait for it."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest

from agents import authentication
from agents.authentication import CACHE_TTL_S, RENEWED_WITH_LEFT_S, agent_for, authenticate
from agents.models import Agent
from agents.renewals import AT_ONCE, Renewals
from ibex.core import database
from ibex.core.errors import ServiceDegraded, Unauthenticated
from tests.factories import Person
from tests.proxy.asgi import in_thread

PATIENCE_S = 20


class Clock:
    """What the caches take for the time."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(hot_path: None, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for cache in (authentication._principals, authentication._agents):
        monkeypatch.setattr(cache, "_clock", clock)
    monkeypatch.setattr(authentication, "_renewals", Renewals())
    return clock


async def renewed() -> None:
    """Return when nothing is being renewed."""
    tasks = [*authentication._renewals._running.values()]
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*tasks)


async def call(person: Person, agent: Agent) -> None:
    await agent_for(await authenticate(f"Bearer {person.token}"), agent.slug)


async def remembered(person: Person, agent: Agent) -> None:
    """Call until it is remembered: a process that begins to listen for changes forgets everything once."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            principal = await authenticate(f"Bearer {person.token}")
            card = await agent_for(principal, agent.slug)
            await asyncio.sleep(0.01)
            if principal is await authenticate(f"Bearer {person.token}") and card is await agent_for(
                principal, agent.slug
            ):
                return


async def test_what_is_in_use_is_renewed_before_it_is_forgotten(
    alice: Person, agent: Agent, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remembered(alice, agent)
    clock.now += CACHE_TTL_S - RENEWED_WITH_LEFT_S + 1
    await call(alice, agent)
    await renewed()

    async def nobody_asks(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("the vault was asked")

    monkeypatch.setattr(authentication, "_look_up", nobody_asks)
    monkeypatch.setattr(authentication, "_look_up_agent", nobody_asks)
    clock.now += RENEWED_WITH_LEFT_S - 1
    await call(alice, agent)


async def test_a_vault_that_is_away_is_not_noticed_until_the_time_is_over_and_then_nobody_is_let_in(
    alice: Person, agent: Agent, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remembered(alice, agent)
    monkeypatch.setattr(database, "_pulse", Mock(is_silent=True))
    clock.now += CACHE_TTL_S - 1
    await call(alice, agent)
    await renewed()
    await call(alice, agent)
    clock.now += 2
    monkeypatch.setattr(authentication, "LOOKUP_TIMEOUT_S", 0.0)
    with pytest.raises(ServiceDegraded):
        await call(alice, agent)


async def test_a_token_that_a_renewal_finds_revoked_is_forgotten_at_once(
    alice: Person, agent: Agent, clock: Clock
) -> None:
    from agents.models import Token
    from ibex.core.tenancy import scope

    await remembered(alice, agent)
    principal = await authenticate(f"Bearer {alice.token}")

    def revoke() -> None:
        from django.utils import timezone

        with scope(principal.org_id):  # nobody announces it
            Token.objects.filter(pk=principal.token_id).update(revoked_at=timezone.now())

    await in_thread(revoke)
    clock.now += CACHE_TTL_S - RENEWED_WITH_LEFT_S + 1
    await call(alice, agent)
    await renewed()
    with pytest.raises(Unauthenticated):
        await call(alice, agent)


async def test_renewals_are_few_at_once_each_key_once_and_pause_after_a_failure() -> None:
    renewals, may_end, begun = Renewals(), asyncio.Event(), 0

    async def look_up() -> None:
        nonlocal begun
        begun += 1
        await may_end.wait()
        raise ServiceDegraded

    for key in [0, 0, *range(2 * AT_ONCE)]:
        renewals.begin(key, look_up)
    await asyncio.sleep(0)
    assert begun == AT_ONCE
    may_end.set()
    await asyncio.gather(*renewals._running.values())
    renewals.begin("later", look_up)
    await asyncio.sleep(0)
    assert begun == AT_ONCE
