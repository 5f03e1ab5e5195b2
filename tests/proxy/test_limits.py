from __future__ import annotations

from dataclasses import replace

import pytest

from agents.authentication import agent_for, authenticate
from ibex.core.errors import RateLimited
from proxy.limits import Limit, Usage
from proxy.turn import Incoming, Turn
from proxy.turn_start import read_turn_start


@pytest.fixture
async def caller(hot_path, alice, agent):
    principal = await authenticate(f"Bearer {alice.token}")
    return principal, await agent_for(principal, agent.slug)


async def start(principal, card):
    turn = Turn.begin(Incoming(method="POST", path="/", headers={}, body=b""), "test")
    return await read_turn_start(turn, principal, card)


async def test_calls_beyond_the_agents_limit_are_refused_with_the_time_to_wait(caller):
    principal, card = caller
    card = replace(card, limit=3)
    remaining = [(await start(principal, card)).usage.remaining for _ in range(3)]
    assert remaining == [2, 1, 0]
    with pytest.raises(RateLimited) as refused:
        await start(principal, card)
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
    assert refused.value.headers["X-RateLimit-Limit"] == "3"
    assert refused.value.headers["X-RateLimit-Remaining"] == "0"


async def test_the_tightest_limit_is_the_one_that_is_shown(caller):
    principal, card = caller
    usage = (await start(replace(principal, org_limit=100, token_limit=50), replace(card, limit=70))).usage
    assert (usage.allowed, usage.remaining) == (50, 49)


def test_of_two_full_limits_the_wider_refuses():
    limits = [Limit(key="a", allowed=1), Limit(key="b", allowed=1)]
    assert Usage.of(limits, [1, 1], refused=1).is_refused


def test_without_redis_nobody_is_refused():
    Usage.unknown().check()
    assert Usage.unknown().headers() == {}
