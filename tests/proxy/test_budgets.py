"""Budgets of a month: who is refused, until when, and how what Redis forgot is counted again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from asgiref.sync import sync_to_async

from agents.authentication import agent_for, authenticate
from agents.limits import BILLIONTHS, Limit
from agents.models import Agent, Trace
from ibex.core import database, metrics
from ibex.core.errors import BudgetExhausted
from ibex.core.ids import uuid7
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from ibex.providers.base import Price, Upstream, Usage
from ibex.providers.sse import ChatOutcome
from proxy import budgets
from proxy.limits import limits_of
from proxy.record import record_answer
from tests.factories import make_agent
from tests.proxy.calls import MONTH_LEFT_S, NOW, Caller, set_clock

SUBJECTS = ("organization", "agent", "token")
SENTENCES = {"organization": "This organization's", "agent": "This agent's", "token": "This token's"}
PATIENCE_S = 10.0
DEAR = Upstream(
    id=str(uuid4()),
    name="Dear",
    kind="openai",
    base_url="",
    prices={"m": Price(prompt=Decimal(1_000_000), completion=Decimal(0))},
)
"""A dollar a token of the prompt."""


@pytest.fixture
async def caller(hot_path, alice, agent, monkeypatch) -> Caller:
    set_clock(monkeypatch, NOW)
    principal = await authenticate(f"Bearer {alice.token}")
    return Caller(principal, await agent_for(principal, agent.slug))


async def until(condition: Callable[[], Any]) -> Any:
    """The condition's first true value."""
    began = time.monotonic()
    while not (value := condition()):
        assert time.monotonic() - began < PATIENCE_S, "it never came about"
        await asyncio.sleep(0.005)
    return value


async def counted() -> None:
    """Until nothing is being counted in this process."""
    await until(lambda: not budgets._running)


async def refused(caller: Caller) -> BudgetExhausted:
    with pytest.raises(BudgetExhausted) as refusal:
        await caller.begin()
    return refusal.value


def limit_of(caller: Caller, kind: str) -> Limit:
    return next(limit for limit in limits_of(caller.principal, caller.card) if limit.subject.kind == kind)


def fail_open(step: str) -> float:
    return metrics.FAIL_OPEN.labels(step=step)._value.get()


@sync_to_async
def traced(
    agent: Agent | Any, tokens: int, *, started_at: float = NOW, token_id: UUID | None = None, cost: str | None = None
) -> None:
    """A call that the vault knows of."""
    agent_id = getattr(agent, "pk", None) or agent.id
    with scope(agent.org_id):
        Trace.objects.create(
            org_id=agent.org_id,
            agent_id=agent_id,
            turn_id=uuid7(),
            trace_id=uuid4().hex,
            endpoint="test",
            status=200,
            token_id=token_id,
            prompt_tokens=tokens,
            cost=None if cost is None else Decimal(cost),
            started_at=datetime.fromtimestamp(started_at, UTC),
        )


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_a_token_budget_refuses_until_the_next_month(caller, kind, monkeypatch):
    caller = caller.limited(kind, monthly_tokens=100)
    await caller.spend(60)
    await caller.spend(60)
    error = await refused(caller)
    assert (error.status, error.code) == (429, "BUDGET_EXHAUSTED")
    assert error.envelope("")["error"]["type"] == "insufficient_quota"
    assert error.message.startswith(f"{SENTENCES[kind]} monthly token budget is used up.")
    assert "It renews on 1 December 2026 (UTC)" in error.message
    assert error.headers["Retry-After"] == str(MONTH_LEFT_S)
    assert error.headers["X-Should-Retry"] == "false"
    set_clock(monkeypatch, NOW + MONTH_LEFT_S)
    await caller.begin()
    await counted()


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_a_cost_budget_is_counted_by_the_providers_prices(caller, kind):
    caller = caller.limited(kind, monthly_cost=Decimal("2.50"))
    await caller.spend(3, upstream=DEAR)
    await caller.spend(2, upstream=DEAR)
    error = await refused(caller)
    assert error.message.startswith(f"{SENTENCES[kind]} monthly cost budget is used up.")
    assert int(redis().get(limit_of(caller, kind).keys(NOW)[0])) == 3 * BILLIONTHS


async def test_a_model_without_a_price_costs_nothing(caller):
    caller = caller.limited("agent", monthly_cost=Decimal("0.01"))
    await caller.spend(1_000_000)
    await caller.begin()
    await counted()


async def test_a_call_belongs_to_the_month_in_which_it_began(caller, monkeypatch):
    caller = caller.limited("agent", monthly_tokens=100)
    turn = await caller.begin()
    set_clock(monkeypatch, NOW + MONTH_LEFT_S + 5)
    usage = Usage(prompt_tokens=500, completion_tokens=0)
    await record_answer(turn, ChatOutcome(text="Late.", is_complete=True, usage=usage))
    await caller.begin()
    set_clock(monkeypatch, NOW)
    await refused(caller)
    await counted()


async def test_what_redis_forgot_is_counted_from_the_vault_and_let_through_meanwhile(caller, agent):
    await traced(agent, 120)
    caller = caller.limited("agent", monthly_tokens=100)
    before = fail_open("budget")
    await caller.begin()
    assert fail_open("budget") == before + 1
    await counted()
    await refused(caller)
    assert fail_open("budget") == before + 1


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_only_this_month_and_this_subject_are_counted(caller, kind, acme, agent, foreign_agent):
    token_id = caller.principal.token_id
    await traced(agent, 10, token_id=token_id, cost="0.5")
    await traced(agent, 1, token_id=uuid7(), cost="0.25")
    await traced(await sync_to_async(make_agent)(acme, "Other"), 100, token_id=token_id, cost="0.125")
    await traced(foreign_agent, 1_000, token_id=token_id, cost="9")
    await traced(agent, 10_000, token_id=token_id, cost="9", started_at=NOW - 22 * 86_400)
    tokens = {"organization": 111, "agent": 11, "token": 110}[kind]
    dollars = {"organization": "0.875", "agent": "0.75", "token": "0.625"}[kind]
    for limits, expected in (
        ({"monthly_tokens": 10_000}, tokens),
        ({"monthly_cost": Decimal(100)}, int(Decimal(dollars) * BILLIONTHS)),
    ):
        limited = caller.limited(kind, **limits)
        await limited.begin()
        await counted()
        assert int(redis().get(limit_of(limited, kind).keys(NOW)[0])) == expected


async def test_the_larger_of_what_redis_and_the_vault_know_is_kept(caller, agent):
    caller = caller.limited("agent", monthly_tokens=1_000)
    counter, mark = limit_of(caller, "agent").keys(NOW)
    redis().set(counter, 70)
    await traced(agent, 50)
    await caller.begin()
    await counted()
    assert int(redis().get(counter)) == 70
    await traced(agent, 50)
    redis().delete(mark)  # its time is over
    await caller.begin()
    await counted()
    assert int(redis().get(counter)) == 100


async def test_a_call_that_ends_while_the_vault_is_asked_is_not_lost(caller, agent, monkeypatch):
    caller = caller.limited("agent", monthly_tokens=1_000)
    asked, answer = asyncio.Event(), asyncio.Event()
    ask = budgets._used_in_vault

    async def slow(limit, now):
        used = await ask(limit, now)
        asked.set()
        await answer.wait()
        return used

    monkeypatch.setattr(budgets, "_used_in_vault", slow)
    turn = await caller.begin()
    await asked.wait()
    await caller.spend(40)
    answer.set()
    await counted()
    assert turn.start.usage.stale()
    assert int(redis().get(limit_of(caller, "agent").keys(NOW)[0])) == 40


async def test_two_processes_do_not_count_at_once_and_a_count_is_good_for_a_while(caller, agent, monkeypatch):
    caller = caller.limited("agent", monthly_tokens=1_000)
    asked = []

    async def ask(limit, now):
        asked.append(limit)
        return 7

    monkeypatch.setattr(budgets, "_used_in_vault", ask)
    await caller.begin()
    budgets._running.clear()  # another process knows nothing of this one's tasks
    await caller.begin()
    await counted()
    await until(lambda: redis().get(limit_of(caller, "agent").keys(NOW)[1]) == b"1")
    await caller.begin()
    assert len(asked) == 1
    assert not budgets._running


async def test_when_the_vault_is_away_calls_go_through_and_it_is_counted(caller, agent):
    caller = caller.limited("agent", monthly_tokens=1)
    before = fail_open("budget_count")
    await database.close_hot_pool()
    await caller.begin()
    await counted()
    assert fail_open("budget_count") == before + 1
    await caller.begin()


async def test_counting_never_takes_more_than_its_share_of_the_connections(caller, agent, monkeypatch):
    release = asyncio.Event()

    async def ask(limit, now):
        await release.wait()
        return 0

    monkeypatch.setattr(budgets, "_used_in_vault", ask)
    limited = [
        caller.limited(kind, monthly_tokens=1_000, monthly_cost=Decimal(1)) for kind in ("organization", "agent")
    ]
    for each in limited:
        await each.begin()
    assert len(budgets._running) == budgets.AT_ONCE
    release.set()
    await counted()


async def test_a_refusal_says_all_that_an_openai_sdk_reads(caller, agent):
    caller = caller.limited("token", monthly_tokens=1, requests_per_minute=10)
    await caller.spend(5)
    error = await refused(caller)
    body = orjson.loads(orjson.dumps(error.envelope("r-1")))["error"]
    assert body["code"] == "BUDGET_EXHAUSTED"
    assert body["message"].endswith("an owner or admin can raise it.")
    assert (error.headers["X-RateLimit-Limit"], error.headers["X-RateLimit-Remaining"]) == ("10", "9")
