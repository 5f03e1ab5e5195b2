"""/api/v1/context/preview: the same preview as the application's own, for those who look after the agent."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.test import AsyncClient

from agents.models import Organization, Token
from agents.secret import digest
from ibex.core.tenancy import scope
from tests.factories import Person, make_agent, make_token
from tests.memories.making import remember
from tests.proxy.application import Application, application
from tests.proxy.asgi import in_thread
from tests.proxy.conftest import drained, entries, own_journal
from tests.proxy.test_preview import ASKED, FACTS, without_nonces

__all__ = ["application", "drained", "entries", "own_journal"]

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": ASKED}]}


async def asked(who: Person | str, body: Any) -> Any:
    client = AsyncClient()
    token = who if isinstance(who, str) else who.token
    return await client.post(
        "/api/v1/context/preview",
        orjson.dumps(body),
        content_type="application/json",
        headers={"authorization": f"Bearer {token}"},
    )


async def test_an_operator_sees_what_the_application_would_send(application: Application, agent, bob):
    await in_thread(lambda: remember(agent, FACTS[0]))
    answer = await asked(bob, {"agent_id": str(agent.pk), "request": BODY})
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert shown["receipt"]["candidates"][0]["content"] == FACTS[0]
    assert without_nonces(shown["messages"]) == without_nonces(await application.ask(ASKED))


async def test_the_end_user_can_be_named(application: Application, agent, bob):
    await in_thread(lambda: remember(agent, FACTS[0], end_user="kim"))
    for said, count in (({"end_user": "kim"}, 1), ({"end_user": "kim", "memory": "off"}, 0), ({}, 0)):
        answer = await asked(bob, {"agent_id": agent.slug, "request": BODY} | said)
        assert len(answer.json()["receipt"]["candidates"]) == count


async def test_strangers_and_narrow_tokens_see_nothing(application: Application, acme, agent, charlie):
    await in_thread(lambda: remember(agent, FACTS[0]))
    answer = await asked(charlie, {"agent_id": str(agent.pk), "request": BODY})
    assert (answer.status_code, answer.json()["error"]["field_errors"][0]["field"]) == (400, "agent_id")
    narrow = await in_thread(lambda: make_token(acme, scopes=["memory:read"]))
    assert (await asked(narrow, {"agent_id": str(agent.pk), "request": BODY})).status_code == 403
    other = await in_thread(lambda: make_token(acme, agent=make_agent(acme, "Other")))
    assert (await asked(other, {"agent_id": str(agent.pk), "request": BODY})).status_code == 400
    assert (await asked("nobody", {"agent_id": str(agent.pk), "request": BODY})).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"agent_id": "x"},
        {"agent_id": "x", "request": []},
        {"agent_id": "x\n", "request": {}},
        {"agent_id": "{agent}", "request": {"model": "gpt-4o"}},
        {"agent_id": "{agent}", "request": BODY, "api": "telegraph"},
        {"agent_id": "{agent}", "request": BODY, "memory": "maybe"},
        {"agent_id": "{agent}", "request": BODY, "end_user": "a\tb"},
        {"agent_id": "{agent}", "request": "text"},
    ],
)
async def test_what_cannot_be_previewed_is_refused_with_its_reason(application: Application, agent, bob, body):
    answer = await asked(bob, orjson.loads(orjson.dumps(body).replace(b"{agent}", agent.slug.encode())))
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["code"] in {"INVALID_REQUEST", "INVALID_HEADER"}


async def test_a_preview_counts_against_the_tokens_limits_as_a_call_does(application: Application, acme, agent):
    token = await in_thread(lambda: make_token(acme))

    def limit() -> None:
        with scope(acme.pk):
            Token.objects.filter(digest=digest(token)).update(requests_per_minute=1)

    await in_thread(limit)
    body = {"agent_id": str(agent.pk), "request": BODY}
    first, second = await asked(token, body), await asked(token, body)
    assert (first.status_code, first["X-RateLimit-Remaining"]) == (200, "0")
    assert (second.status_code, second.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert int(second["Retry-After"]) > 0


async def test_a_preview_on_a_page_counts_against_the_organizations_limits(application: Application, acme, agent, bob):
    def limit() -> None:
        with scope(acme.pk):
            Organization.objects.update(requests_per_minute=1)

    await in_thread(limit)
    client = AsyncClient()
    await client.aforce_login(bob.operator)
    body = {"agent_id": str(agent.pk), "request": BODY}
    answers = [
        await client.post("/api/v1/context/preview", orjson.dumps(body), content_type="application/json")
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 429]
