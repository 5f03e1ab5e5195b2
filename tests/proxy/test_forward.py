"""Which provider's answer, or whose failure, the caller gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from agents.choices import ProviderKind
from agents.models import Agent, ProviderConnection
from ibex.core.tenancy import scope
from tests.factories import Person
from tests.proxy.asgi import Answered, call, in_thread

Answer = Callable[[web.Request], Any]
FINE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine."}, "finish_reason": "stop"}]}
AUDIO = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}]

pytestmark = pytest.mark.usefixtures("hot_path")


@asynccontextmanager
async def provider(
    agent: Agent, priority: int, status: int, kind: str = ProviderKind.OPENAI
) -> AsyncIterator[list[Any]]:
    """A provider of the agent's organization that answers every call with `status`; what it was asked."""
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response(FINE if status == 200 else {"error": {"message": "no"}}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    def connect() -> None:
        with scope(agent.org_id):
            ProviderConnection.objects.create(
                org_id=agent.org_id,
                name=f"{priority}",
                kind=kind,
                base_url=f"http://127.0.0.1:{port}",
                priority=priority,
            )

    await in_thread(connect)
    try:
        yield asked
    finally:
        await runner.cleanup()


async def ask(alice: Person, agent: Agent, messages: list[Any] | None = None) -> Answered:
    body = {"model": "m", "messages": messages or [{"role": "user", "content": "Hi"}]}
    return await call(
        "POST", "/v1/chat/completions", body, authorization=f"Bearer {alice.token}", x_ibex_agent_id=agent.slug
    )


async def test_the_next_provider_answers_for_one_that_fails(alice: Person, agent: Agent) -> None:
    async with provider(agent, 1, 503) as first, provider(agent, 2, 200) as second:
        answered = await ask(alice, agent)
    assert (answered.status, len(first), len(second)) == (200, 1, 1)


async def test_a_request_at_fault_is_not_sent_to_another(alice: Person, agent: Agent) -> None:
    async with provider(agent, 1, 400), provider(agent, 2, 200) as second:
        answered = await ask(alice, agent)
    assert (answered.status, second) == (400, [])


async def test_what_the_next_provider_cannot_be_told_does_not_hide_why_the_first_failed(
    alice: Person, agent: Agent
) -> None:
    async with provider(agent, 1, 503), provider(agent, 2, 200, ProviderKind.ANTHROPIC) as second:
        answered = await ask(alice, agent, AUDIO)
    assert second == []
    assert answered.status == 502, answered.json


async def test_when_all_fail_the_caller_hears_of_the_last(alice: Person, agent: Agent) -> None:
    async with provider(agent, 1, 503), provider(agent, 2, 429):
        answered = await ask(alice, agent)
    assert answered.status == 429


async def test_the_sandbox_never_stands_in_for_a_provider_that_fails(alice: Person, agent: Agent) -> None:
    async with provider(agent, 200, 503):
        answered = await ask(alice, agent)
    assert answered.status == 502


async def test_the_sandbox_answers_where_there_is_nobody_else(alice: Person, agent: Agent) -> None:
    answered = await ask(alice, agent)
    assert answered.status == 200
