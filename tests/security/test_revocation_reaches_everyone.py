"""Two web processes: what one is told, the other acts on within a second, also when the channel was cut."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents import authentication
from agents.authentication import CACHE_TTL_S
from agents.models import Agent, Organization, Token
from agents.secret import digest
from ibex.core.tenancy import scope
from tests.factories import Person, make_token
from tests.flow.conftest import Ibex, running_ibex, wait_for
from tests.fuzz.calling import JSON_TYPE, call
from tests.security.conftest import cut_subscriptions

HEARD_WITHIN_S = 1.0
"""SPEC section 3."""
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}).encode()


@pytest.fixture(scope="module")
def two(real_database: None) -> Iterator[tuple[Ibex, Ibex]]:
    with running_ibex("web") as first, running_ibex("web") as second:
        yield first, second


def status(ibex: Ibex, secret: str, agent: Agent) -> int:
    """Of one call."""
    headers = {"Authorization": f"Bearer {secret}", "X-IBEX-Agent-ID": agent.slug, "X-IBEX-Memory": "off"}
    return request(ibex, "POST", "/v1/chat/completions", headers, BODY)


def request(ibex: Ibex, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> int:
    asked = urllib.request.Request(
        ibex.base_url + path, body, {"Content-Type": "application/json", **headers}, method=method
    )
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def row_of(org: Organization, secret: str) -> Token:
    with scope(org.pk):
        return Token.objects.get(digest=digest(secret))


def seconds_until(condition: Callable[[], bool], *, limit_s: float) -> float:
    began = time.monotonic()
    wait_for(condition, seconds=limit_s, what="the change in the other process")
    return time.monotonic() - began


def change_by_rest(ibex: Ibex, alice: Person, agent: Agent, token: Token, what: str) -> None:
    """Alice does it at one process."""
    address = {
        "token revoked": ("DELETE", f"/api/v1/tokens/{token.pk}"),
        "agent paused": ("POST", f"/api/v1/agents/{agent.pk}/pause"),
        "agent archived": ("POST", f"/api/v1/agents/{agent.pk}/archive"),
        "agent deleted": ("DELETE", f"/api/v1/agents/{agent.pk}"),
    }[what]
    assert request(ibex, *address, alice.bearer) in {200, 204}


@pytest.mark.parametrize("what", ["token revoked", "agent paused", "agent archived", "agent deleted"])
def test_a_change_at_one_process_is_known_to_the_other_within_a_second(
    two: tuple[Ibex, Ibex], acme: Organization, alice: Person, agent: Agent, what: str
) -> None:
    secret = make_token(acme)
    for ibex in two:
        assert [status(ibex, secret, agent) for _ in range(2)] == [200, 200]
    change_by_rest(two[0], alice, agent, row_of(acme, secret), what)
    assert status(two[0], secret, agent) in {401, 403}
    assert seconds_until(lambda: status(two[1], secret, agent) in {401, 403}, limit_s=5) < HEARD_WITHIN_S


def test_a_change_that_the_channel_lost_is_found_when_it_is_back(
    two: tuple[Ibex, Ibex], acme: Organization, agent: Agent
) -> None:
    """Nobody announces this one, and every subscription is cut: with the new one everything is forgotten."""
    secret = make_token(acme)
    for ibex in two:
        assert status(ibex, secret, agent) == 200
    with scope(acme.pk):
        Token.objects.filter(digest=digest(secret)).delete()
    for ibex in two:
        cut_subscriptions(ibex.processes["web"].pid)
    for ibex in two:
        assert seconds_until(lambda: status(ibex, secret, agent) == 401, limit_s=10) < CACHE_TTL_S  # noqa: B023


async def test_without_a_channel_the_time_to_live_bounds_it(
    hot_path: None, acme: Organization, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revocation that is announced to nobody ends with the memory of the token."""
    from asgiref.sync import sync_to_async

    now = time.monotonic()
    monkeypatch.setattr(authentication._principals, "_clock", lambda: now)
    secret = await sync_to_async(make_token)(acme)

    async def ask() -> int:
        headers: list[Any] = [
            (b"authorization", f"Bearer {secret}".encode()),
            (b"x-ibex-agent-id", agent.slug.encode()),
            (b"x-ibex-memory", b"off"),
            JSON_TYPE,
        ]
        return (await call("/v1/chat/completions", BODY, headers)).status

    assert await ask() == 200
    assert await ask() == 200  # known, since the process listens

    def revoke_silently() -> None:
        with scope(acme.pk):
            Token.objects.filter(digest=digest(secret)).delete()

    await sync_to_async(revoke_silently)()
    now += CACHE_TTL_S
    assert await ask() == 401
