"""Limits on the request path: as the vault has them, and changed everywhere within a second."""

from __future__ import annotations

import secrets
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from agents import authentication
from agents.announcements import CHANNEL
from agents.authentication import agent_for, authenticate, authenticate_now, forget_everything
from agents.limits import Limits, in_billionths, month_end, month_of, month_start
from agents.models import Agent, Organization, Token
from agents.secret import digest
from agents.services import agents, organizations, tokens
from ibex.core.redis import async_redis
from ibex.core.tenancy import scope
from tests.agents.test_authentication import listener, new_process, pool, until
from tests.factories import Person, make_token

__all__ = ["listener", "new_process", "pool"]

SOME = {"tokens_per_minute": 700, "monthly_tokens": 8_000_000_000, "monthly_cost": Decimal("12.50")}


@sync_to_async
def limit(acme: Organization, agent: Agent, secret: str) -> None:
    with scope(acme.pk):
        organizations.update(acme, actor="system", **SOME)
        agents.update(agent, actor="system", requests_per_minute=5)
        tokens.limit(Token.objects.get(digest=digest(secret)), actor="system", monthly_cost=Decimal("0.01"))


async def test_changed_limits_are_in_force_in_this_process_at_once(
    pool: None, acme: Organization, agent: Agent, alice: Person
) -> None:
    principal = await authenticate(f"Bearer {alice.token}")
    assert (principal.org_limits, principal.token_limits) == (Limits(requests_per_minute=6000), Limits())
    assert (await agent_for(principal, agent.slug)).limits == Limits()
    await limit(acme, agent, alice.token)
    principal = await authenticate(f"Bearer {alice.token}")
    assert principal.org_limits == Limits(requests_per_minute=6000, **SOME)
    assert principal.token_limits == Limits(monthly_cost=Decimal("0.01"))
    assert (await agent_for(principal, agent.slug)).limits == Limits(requests_per_minute=5)


@pytest.mark.parametrize("kind", ["org", "agent", "token"])
async def test_a_change_elsewhere_is_heard_within_a_second(
    listener: None, acme: Organization, agent: Agent, kind: str
) -> None:
    secret = await sync_to_async(make_token)(acme, agent=agent)
    principal = await authenticate(f"Bearer {secret}")
    await agent_for(principal, None)
    ids = {"org": acme.pk, "agent": agent.pk, "token": principal.token_id}
    await async_redis().publish(CHANNEL, f'["{kind}","{acme.pk}","{ids[kind]}"]')
    assert await until(lambda: authentication._principals.get(digest(secret)) is None) < 1
    if kind != "token":
        assert await until(lambda: authentication._agents.get((acme.pk, str(agent.pk))) is None) < 1


def test_synchronous_code_hears_the_same_limits(acme: Organization, alice: Person) -> None:
    with scope(acme.pk):
        organizations.update(acme, actor="system", **SOME)
    assert authenticate_now(f"Bearer {alice.token}").org_limits == Limits(requests_per_minute=6000, **SOME)
    forget_everything()


def rows(statement: str, *arguments: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


def test_the_door_to_tokens_opens_nothing_for_an_unknown_digest() -> None:
    assert rows("SELECT * FROM ibex_token_with_limits(%s)", secrets.token_bytes(32)) == []
    assert rows("SELECT * FROM ibex_token_with_limits(NULL)") == []


def test_the_version_before_finds_its_own_door_still_open(alice: Person) -> None:
    [row] = rows("SELECT org_limit, token_limit FROM ibex_token_by_digest(%s)", digest(alice.token))
    assert row == (6000, None)


def test_the_door_is_the_systems_own_and_looks_names_up_nowhere_else() -> None:
    [(is_definer, settings, public)] = rows(
        "SELECT prosecdef, proconfig, has_function_privilege('public', oid, 'EXECUTE')"
        " FROM pg_proc WHERE proname = 'ibex_token_with_limits'"
    )
    assert is_definer
    assert "search_path=public, pg_temp" in settings
    assert not public


@pytest.mark.parametrize(
    ("now", "month", "begins", "ends"),
    [
        (1_795_305_630, "2026-11", "2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00"),
        (1_798_761_599, "2026-12", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        (1_798_761_600, "2027-01", "2027-01-01T00:00:00+00:00", "2027-02-01T00:00:00+00:00"),
    ],
)
def test_months_are_those_of_the_calendar_in_utc(now: int, month: str, begins: str, ends: str) -> None:
    assert (month_of(now), month_start(now).isoformat(), month_end(now).isoformat()) == (month, begins, ends)


def test_dollars_are_counted_in_whole_billionths() -> None:
    assert in_billionths(Decimal("12.50")) == 12_500_000_000
    assert in_billionths(Decimal("0.0000000004")) == 0
    assert in_billionths(Decimal("0.0000000005")) == 1
