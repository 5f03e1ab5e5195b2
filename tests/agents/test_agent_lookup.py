from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from agents.authentication import agent_for, authenticate, forget_everything
from agents.choices import AgentStatus
from agents.models import Agent, Organization
from agents.secret import new_secret
from agents.services import agents
from ibex.core import database
from ibex.core.errors import (
    AgentIdMissing,
    AgentNotAuthorized,
    AgentSuspended,
    AuthUnavailable,
    IbexError,
    Unauthenticated,
)
from ibex.core.redis import close_async_redis
from ibex.core.tenancy import scope
from tests.factories import make_agent, make_token


@pytest.fixture
async def pool() -> AsyncIterator[None]:
    forget_everything()
    await database.open_hot_pool()
    yield
    await database.close_hot_pool()
    await close_async_redis()
    forget_everything()


def bearer(secret: str) -> str:
    return f"Bearer {secret}"


@sync_to_async
def in_scope(org: Organization, do: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with scope(org.pk):
        return do(*args, **kwargs)


@sync_to_async
def token_of(org: Organization, **options: Any) -> str:
    return make_token(org, **options)


async def refused(coroutine: Awaitable[Any]) -> IbexError:
    with pytest.raises(IbexError) as caught:
        await coroutine
    return caught.value


async def test_an_agent_is_named_by_id_or_slug_in_any_case(pool: None, acme: Organization, agent: Agent) -> None:
    principal = await authenticate(bearer(await token_of(acme)))
    by_id = await agent_for(principal, str(agent.pk).upper())
    by_slug = await agent_for(principal, f" {agent.slug.title()} ")
    assert by_id == by_slug
    assert (by_id.id, by_id.slug, by_id.memory_tokens) == (agent.pk, agent.slug, agent.memory_tokens)


async def test_no_agent_named_is_said_so(pool: None, acme: Organization) -> None:
    principal = await authenticate(bearer(await token_of(acme)))
    for reference in (None, "", "  "):
        assert isinstance(await refused(agent_for(principal, reference)), AgentIdMissing)


async def test_a_strangers_agent_and_none_at_all_are_the_same(
    pool: None, acme: Organization, agent: Agent, foreign_agent: Agent
) -> None:
    principal = await authenticate(bearer(await token_of(acme)))
    references = [str(foreign_agent.pk), foreign_agent.slug, "nobody", str(new_secret()), "\0", "x" * 5_000]
    errors = [await refused(agent_for(principal, reference)) for reference in references]
    assert {type(error) for error in errors} == {AgentNotAuthorized}
    assert len({str(error.envelope("")) for error in errors}) == 1


async def test_a_bound_token_needs_no_agent_header_and_takes_no_other_agent(
    pool: None, acme: Organization, agent: Agent
) -> None:
    other = await sync_to_async(make_agent)(acme, "Other")
    principal = await authenticate(bearer(await token_of(acme, agent=agent)))
    assert (await agent_for(principal, None)).id == agent.pk
    assert (await agent_for(principal, agent.slug)).id == agent.pk
    for reference in (other.slug, str(other.pk), "nobody"):
        assert isinstance(await refused(agent_for(principal, reference)), AgentNotAuthorized)


async def test_a_warm_agent_costs_no_network_call(pool: None, acme: Organization, agent: Agent) -> None:
    principal = await authenticate(bearer(await token_of(acme)))
    card = await agent_for(principal, agent.slug)
    await database.close_hot_pool()
    assert await agent_for(principal, agent.slug) == card


async def test_a_paused_agent_is_suspended_at_once_and_comes_back(pool: None, acme: Organization, agent: Agent) -> None:
    principal = await authenticate(bearer(await token_of(acme)))
    await agent_for(principal, agent.slug)
    await in_scope(acme, agents.set_status, agent, AgentStatus.PAUSED, actor="system")
    assert isinstance(await refused(agent_for(principal, agent.slug)), AgentSuspended)
    await in_scope(acme, agents.set_status, agent, AgentStatus.ACTIVE, actor="system")
    assert (await agent_for(principal, agent.slug)).id == agent.pk


async def test_when_the_vault_does_not_answer_nothing_is_decided(pool: None, acme: Organization, agent: Agent) -> None:
    principal = await authenticate(bearer(await token_of(acme)))
    await database.close_hot_pool()
    assert isinstance(await refused(agent_for(principal, agent.slug)), AuthUnavailable)


async def test_a_deleted_agents_own_tokens_go_with_it(pool: None, acme: Organization, agent: Agent) -> None:
    secret = await token_of(acme, agent=agent)
    await authenticate(bearer(secret))
    await in_scope(acme, agents.delete, agent, actor="system")
    assert isinstance(await refused(authenticate(bearer(secret))), Unauthenticated)
