from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, Self

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from agents import authentication
from agents.announcements import CHANNEL
from agents.authentication import (
    authenticate,
    authenticate_now,
    forget_everything,
    listen_for_changes,
    require,
)
from agents.choices import OrganizationStatus, Scope
from agents.errors import OrganizationSuspended
from agents.models import Agent, Organization, Token
from agents.secret import digest, new_secret
from agents.services import organizations, tokens
from ibex.core import database, metrics
from ibex.core.errors import (
    IbexError,
    ScopeMissing,
    ServiceDegraded,
    Unauthenticated,
)
from ibex.core.redis import async_redis, close_async_redis
from ibex.core.tenancy import scope
from tests.factories import Person, make_token
from tests.security.conftest import cut_subscriptions, subscriptions

PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def new_process() -> Iterator[None]:
    forget_everything()
    yield
    forget_everything()


@pytest.fixture
async def pool() -> AsyncIterator[None]:
    await database.open_hot_pool()
    yield
    await database.close_hot_pool()
    await close_async_redis()


@pytest.fixture
async def listener(pool: None) -> AsyncIterator[None]:
    task = asyncio.create_task(listen_for_changes())
    await until(lambda: bool(subscriptions(os.getpid())))
    yield
    # Again and again: a cancellation that meets a timeout at the same instant can be swallowed by it.
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)


async def until(condition: Callable[[], bool]) -> float:
    """Seconds until the condition holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, "it never came about"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


def outcomes() -> dict[str, float]:
    names = ("cache", "database", "bloom", "refused", "unavailable")
    return {name: metrics.AUTH.labels(outcome=name)._value.get() for name in names}


class Counted:
    """How often each outcome was counted inside the block."""

    def __enter__(self) -> Self:
        self._before = outcomes()
        return self

    def __exit__(self, *args: object) -> None:
        self.counts = {
            name: int(value - self._before[name]) for name, value in outcomes().items() if value != self._before[name]
        }


def bearer(secret: str) -> str:
    return f"Bearer {secret}"


@sync_to_async
def in_scope(org: Organization, do: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with scope(org.pk):
        return do(*args, **kwargs)


@sync_to_async
def token_of(org: Organization, **options: Any) -> str:
    return make_token(org, **options)


def token_row(org: Organization, secret: str) -> Token:
    with scope(org.pk):
        return Token.objects.get(digest=digest(secret))


async def refused(coroutine: Awaitable[Any]) -> IbexError:
    with pytest.raises(IbexError) as caught:
        await coroutine
    return caught.value


class TestTokens:
    async def test_a_token_says_who_it_is_for(self, pool: None, acme: Organization, agent: Agent) -> None:
        secret = await token_of(acme, scopes=["memory:read"], agent=agent)
        principal = await authenticate(bearer(secret))
        assert (principal.org_id, principal.agent_id) == (acme.pk, agent.pk)
        assert principal.scopes == {"memory:read"}
        assert principal.org_active
        assert principal.org_limits.requests_per_minute == acme.requests_per_minute

    async def test_a_warm_token_costs_no_network_call(self, pool: None, acme: Organization) -> None:
        secret = await token_of(acme)
        with Counted() as cold:
            first = await authenticate(bearer(secret))
        await database.close_hot_pool()
        with Counted() as warm:
            assert await authenticate(bearer(secret)) == first
        assert (cold.counts, warm.counts) == ({"database": 1}, {"cache": 1})

    async def test_an_unknown_token_is_looked_up_once_and_then_refused_at_once(self, pool: None) -> None:
        secret = new_secret()
        with Counted() as first:
            assert isinstance(await refused(authenticate(bearer(secret))), Unauthenticated)
        await database.close_hot_pool()
        with Counted() as second:
            assert isinstance(await refused(authenticate(bearer(secret))), Unauthenticated)
        assert (first.counts, second.counts) == ({"refused": 1}, {"bloom": 1})

    async def test_what_has_no_tokens_form_is_never_looked_up(self) -> None:
        for header in ("", "Bearer sk-123", "Basic abc"):
            assert isinstance(await refused(authenticate(header)), Unauthenticated)

    async def test_an_expired_token_is_refused(self, pool: None, acme: Organization) -> None:
        secret = await token_of(acme)
        await in_scope(acme, Token.objects.update, expires_at=timezone.now() - timedelta(seconds=1))
        assert isinstance(await refused(authenticate(bearer(secret))), Unauthenticated)

    async def test_a_token_about_to_expire_is_not_remembered(self, pool: None, acme: Organization) -> None:
        secret = await token_of(acme)
        await in_scope(acme, Token.objects.update, expires_at=timezone.now() + timedelta(seconds=4))
        with Counted() as counted:
            await authenticate(bearer(secret))
            await authenticate(bearer(secret))
        assert counted.counts == {"database": 2}

    async def test_when_the_vault_does_not_answer_nothing_is_decided(self, acme: Organization) -> None:
        with Counted() as counted:
            assert isinstance(await refused(authenticate(bearer(await token_of(acme)))), ServiceDegraded)
        assert counted.counts == {"unavailable": 1}

    async def test_an_old_answer_is_never_served_because_the_vault_is_away(
        self, pool: None, acme: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.monotonic()
        monkeypatch.setattr(authentication._principals, "_clock", lambda: now)
        secret = await token_of(acme)
        await authenticate(bearer(secret))
        await database.close_hot_pool()
        now += authentication.CACHE_TTL_S
        assert isinstance(await refused(authenticate(bearer(secret))), ServiceDegraded)

    async def test_a_token_that_was_good_lately_is_not_refused_by_a_mistaken_filter(
        self, pool: None, acme: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.monotonic()
        monkeypatch.setattr(authentication._principals, "_clock", lambda: now)
        secret = await token_of(acme)
        await authenticate(bearer(secret))
        authentication._known_bad.add(digest(secret))
        now += authentication.CACHE_TTL_S
        assert (await authenticate(bearer(secret))).org_id == acme.pk

    async def test_a_revoked_token_is_refused_in_this_process_at_once(self, pool: None, acme: Organization) -> None:
        secret = await token_of(acme)
        await authenticate(bearer(secret))
        await in_scope(acme, lambda: tokens.revoke(token_row(acme, secret), actor="system"))
        assert isinstance(await refused(authenticate(bearer(secret))), Unauthenticated)

    async def test_a_revocation_elsewhere_is_heard_within_a_second(self, listener: None, acme: Organization) -> None:
        secret = await token_of(acme)
        await authenticate(bearer(secret))
        token = await sync_to_async(token_row)(acme, secret)
        await in_scope(acme, Token.objects.filter(pk=token.pk).update, revoked_at=timezone.now())
        wanted = digest(secret)
        await async_redis().publish(CHANNEL, f'["token","{acme.pk}","{token.pk}"]')
        assert await until(lambda: authentication._principals.get(wanted) is None) < 1
        assert isinstance(await refused(authenticate(bearer(secret))), Unauthenticated)

    async def test_after_a_lost_connection_everything_is_forgotten_and_heard_again(
        self, listener: None, acme: Organization
    ) -> None:
        secret = await token_of(acme)
        await authenticate(bearer(secret))
        cut_subscriptions(os.getpid())
        await until(lambda: authentication._principals.get(digest(secret)) is None)
        await until(lambda: bool(subscriptions(os.getpid())))

    async def test_a_message_nobody_understands_makes_everything_forgotten(
        self, listener: None, acme: Organization
    ) -> None:
        secret = await token_of(acme)
        await authenticate(bearer(secret))
        await async_redis().publish(CHANNEL, b"\xff not json")
        await until(lambda: authentication._principals.get(digest(secret)) is None)

    def test_synchronous_code_hears_the_vaults_own_word(self, acme: Organization, alice: Person) -> None:
        assert authenticate_now(bearer(alice.token)).org_id == acme.pk
        with scope(acme.pk):
            Token.objects.update(revoked_at=timezone.now())
        with pytest.raises(Unauthenticated):
            authenticate_now(bearer(alice.token))


class TestRequire:
    async def test_missing_scopes_are_named(self, pool: None, acme: Organization) -> None:
        principal = await authenticate(bearer(await token_of(acme, scopes=["memory:read"])))
        require(principal, {Scope.MEMORY_READ})
        with pytest.raises(ScopeMissing, match="session:create, session:read"):
            require(principal, {Scope.MEMORY_READ, Scope.SESSION_CREATE, Scope.SESSION_READ})

    async def test_a_suspended_organizations_tokens_do_nothing(self, pool: None, acme: Organization) -> None:
        secret = await token_of(acme)
        require(await authenticate(bearer(secret)), ())
        await in_scope(acme, organizations.set_status, acme, OrganizationStatus.SUSPENDED, actor="system")
        principal = await authenticate(bearer(secret))
        with pytest.raises(OrganizationSuspended):
            require(principal, ())
