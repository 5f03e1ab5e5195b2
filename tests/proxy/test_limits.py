"""Calls and tokens a minute: who is refused, when they may come again, what they are told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from hypothesis import given
from hypothesis import strategies as st

from agents.authentication import agent_for, authenticate
from agents.limits import WINDOW_S, Limit, Limits, Measure, Subject, limits_on
from agents.models import Organization
from agents.services import organizations
from ibex.core import metrics
from ibex.core.errors import RateLimited
from ibex.core.ids import uuid7
from ibex.core.redis import RedisError
from ibex.core.tenancy import scope
from proxy.embeddings import Embeddings
from proxy.limits import Usage
from tests.proxy.calls import NOW, Caller, set_clock

SUBJECTS = ("organization", "agent", "token")
SENTENCES = {"organization": "This organization's", "agent": "This agent's", "token": "This token's"}


@pytest.fixture
async def caller(hot_path, alice, agent, monkeypatch) -> Caller:
    set_clock(monkeypatch, NOW)
    principal = await authenticate(f"Bearer {alice.token}")
    return Caller(principal, await agent_for(principal, agent.slug))


async def refused(caller: Caller) -> RateLimited:
    with pytest.raises(RateLimited) as refusal:
        await caller.begin()
    assert refusal.value.status == 429
    return refusal.value


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_calls_beyond_a_limit_are_refused_with_the_time_to_wait(caller, kind):
    caller = caller.limited(kind, requests_per_minute=3)
    headers = [(await caller.begin()).start.usage.headers() for _ in range(3)]
    assert [each["X-RateLimit-Remaining"] for each in headers] == ["2", "1", "0"]
    error = await refused(caller)
    assert error.code == "RATE_LIMITED"
    assert error.message.startswith(f"{SENTENCES[kind]} requests a minute are used up.")
    assert error.headers["Retry-After"] == "31"
    assert (error.headers["X-RateLimit-Limit"], error.headers["X-RateLimit-Remaining"]) == ("3", "0")
    assert error.headers["X-RateLimit-Reset"] == "30"


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_tokens_beyond_a_limit_refuse_the_next_call(caller, kind):
    caller = caller.limited(kind, tokens_per_minute=100)
    first = await caller.spend(60)
    assert first.start.usage.headers()["X-RateLimit-Remaining-Tokens"] == "100"
    second = await caller.spend(60)
    assert second.start.usage.headers()["X-RateLimit-Remaining-Tokens"] == "40"
    error = await refused(caller)
    assert error.code == "RATE_LIMITED"
    assert error.message.startswith(f"{SENTENCES[kind]} tokens a minute are used up.")
    assert error.headers["X-RateLimit-Limit-Tokens"] == "100"
    assert error.headers["X-RateLimit-Remaining-Tokens"] == "0"
    assert int(error.headers["Retry-After"]) == 30 + 10 + 1


async def test_a_caller_who_waits_as_told_is_let_in(caller, monkeypatch):
    caller = caller.limited("agent", tokens_per_minute=100)
    await caller.spend(400)
    wait_s = int((await refused(caller)).headers["Retry-After"])
    assert wait_s == 30 + 45 + 1
    set_clock(monkeypatch, NOW + wait_s - 2)
    await refused(caller)
    set_clock(monkeypatch, NOW + wait_s)
    await caller.begin()


async def test_a_refused_call_is_not_counted(caller):
    narrow = caller.limited("agent", requests_per_minute=1, tokens_per_minute=10)
    await narrow.begin()
    for _ in range(3):
        await refused(narrow)
    wide = caller.limited("agent", requests_per_minute=10)
    assert (await wide.begin()).start.usage.headers()["X-RateLimit-Remaining"] == "8"


async def test_the_tightest_limit_is_the_one_that_is_shown(caller):
    tight = caller.limited("token", requests_per_minute=50)
    both = Caller(tight.principal, caller.limited("agent", requests_per_minute=70).card)
    headers = (await both.begin()).start.usage.headers()
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("50", "49")


async def test_of_several_full_limits_the_one_that_lasts_longest_is_told(caller):
    caller = caller.limited("agent", requests_per_minute=1, tokens_per_minute=100)
    await caller.spend(1_000)
    assert "tokens a minute" in (await refused(caller)).message


async def test_without_a_limit_nothing_is_said_and_nobody_is_refused(caller):
    turn = await caller.limited("agent").begin()
    assert turn.start.usage.headers() == {}


async def test_of_fifty_calls_at_once_a_limit_of_twenty_lets_exactly_twenty_through(caller):
    caller = caller.limited("token", requests_per_minute=20)
    results = await asyncio.gather(*(caller.begin() for _ in range(50)), return_exceptions=True)
    refusals = [result for result in results if isinstance(result, RateLimited)]
    assert (len(results) - len(refusals), len(refusals)) == (20, 30)
    assert {refusal.headers["X-RateLimit-Remaining"] for refusal in refusals} == {"0"}


async def test_agents_of_one_organization_share_its_limit(caller, acme):
    caller = caller.limited("organization", requests_per_minute=2)
    await caller.begin()
    other = Caller(caller.principal, replace(caller.card, id=uuid7(), slug="another"))
    await other.begin()
    await refused(caller)
    await refused(other)


async def test_without_redis_nobody_is_refused_and_it_is_counted(caller, monkeypatch):
    class Away:
        async def run(self, *args, **options):
            raise RedisError

    monkeypatch.setattr("proxy.turn_start.wire", Away)
    counter = metrics.FAIL_OPEN.labels(step="turn_start")
    before = counter._value.get()
    caller = caller.limited("agent", requests_per_minute=1)
    turns = [await caller.begin() for _ in range(3)]
    assert counter._value.get() == before + 3
    assert turns[-1].start.usage.headers() == {}
    assert [limit.measure for limit in turns[-1].start.usage.limits] == [Measure.REQUESTS]


def test_what_redis_did_not_say_refuses_nobody():
    Usage.unknown().check()
    assert Usage.unknown().headers() == {}


async def embed(token: str, slug: str) -> tuple[int, dict[str, str], dict]:
    """POST /v1/embeddings, as the server hands it over."""
    body = orjson.dumps({"model": "text-embedding-3-small", "input": "two words"})
    headers = {"authorization": f"Bearer {token}", "x-ibex-agent-id": slug, "content-type": "application/json"}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope_ = {"type": "http", "method": "POST", "path": "/v1/embeddings", "headers": raw}
    call = ApplicationCommunicator(Embeddings.as_asgi(), scope_)
    await call.send_input({"type": "http.request", "body": body})
    start = await call.receive_output(timeout=10)
    answer = await call.receive_output(timeout=10)
    await call.wait(timeout=10)
    said = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], said, orjson.loads(answer["body"])


async def test_embeddings_have_the_same_limits(hot_path, alice, acme, agent, limited_acme):
    await limited_acme(requests_per_minute=100, tokens_per_minute=2)
    status, headers, _ = await embed(alice.token, agent.slug)
    assert (status, headers["x-ratelimit-remaining"], headers["x-ratelimit-limit-tokens"]) == (200, "99", "2")
    status, headers, answer = await embed(alice.token, agent.slug)
    assert (status, answer["error"]["code"], answer["error"]["type"]) == (429, "RATE_LIMITED", "rate_limit_error")
    assert int(headers["retry-after"]) >= 1
    assert headers["x-ratelimit-remaining-tokens"] == "0"


@pytest.fixture
def limited_acme(acme: Organization):
    @sync_to_async
    def limit(**limits):
        with scope(acme.pk):
            organizations.update(acme, actor="system", **limits)

    return limit


COUNTS = st.integers(min_value=0, max_value=5_000)


@given(current=COUNTS, last=COUNTS, allowed=st.integers(1, 2_000), second=st.floats(0, 59.9))
def test_the_time_to_wait_is_long_enough_and_not_a_second_longer(current, last, allowed, second):
    subject = Subject(org_id=uuid7(), kind="agent", id=uuid7())
    [limit] = limits_on(subject, Limits(tokens_per_minute=allowed))
    now = 60_000 + second
    counted = [str(current).encode(), str(last).encode()]
    if limit.used(counted, now) < allowed:
        return
    wait_s = limit.seconds_to_wait(counted, now)
    assert used_at(limit, counted, now, now + wait_s) < allowed
    assert wait_s == 1 or used_at(limit, counted, now, now + wait_s - 1.01) >= allowed


def used_at(limit: Limit, counted: list[bytes], then: float, now: float) -> int:
    """What is used at `now`, when nobody has called since `then`."""
    windows = int(now // WINDOW_S) - int(then // WINDOW_S)
    numbers = [*[None] * windows, *counted][:2]
    return limit.used(numbers, now)
