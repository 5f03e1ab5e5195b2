"""Who is let in, and that nothing else is: whole calls, as an attacker makes them."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from agents import authentication
from agents.choices import PROXY_SCOPES, AgentStatus, OrganizationStatus
from agents.models import Agent, Organization, Token
from agents.secret import digest, new_secret
from agents.services import agents, organizations
from ibex.core import database
from ibex.core.tenancy import scope
from tests.factories import Person, make_agent, make_token
from tests.fuzz.calling import JSON_TYPE, Answer, Headers, call
from tests.security.conftest import settled

CHAT = "/v1/chat/completions"
BODY = json.dumps(
    {"model": "m", "max_tokens": 9, "input": "Hi", "messages": [{"role": "user", "content": "Hi"}]}
).encode()
PATHS = [CHAT, "/v1/responses", "/v1/messages", "/v1/embeddings"]
DEAD_DATABASE = "postgresql://127.0.0.1:9/nobody"
OWN_TO_EACH_CALL = {"x-request-id", "x-trace-id", "x-response-time", "server-timing", "content-length"}


async def ask(
    secret: str | None, reference: str | None = None, *headers: tuple[bytes, bytes], path: str = CHAT
) -> Answer:
    """One call with this token for this agent."""
    said: list[tuple[bytes, bytes]] = [JSON_TYPE, (b"x-ibex-memory", b"off"), *headers]
    if secret is not None:
        said.append((b"authorization", f"Bearer {secret}".encode()))
    if reference is not None:
        said.append((b"x-ibex-agent-id", reference.encode()))
    answer = await call(path, BODY, said)
    if answer.status not in {200, 503}:
        answer.assert_sound()
    return answer


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.error()["code"]


@sync_to_async
def token_of(org: Organization, **options: Any) -> str:
    return make_token(org, **options)


@sync_to_async
def in_scope(org: Organization, do: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with scope(org.pk):
        return do(*args, **kwargs)


def change_token(secret: str, **fields: Any) -> None:
    """Behind the back of every process: nothing is announced."""
    Token.objects.filter(digest=digest(secret)).update(**fields)


class TestTokens:
    @pytest.mark.parametrize("path", PATHS)
    async def test_every_scope_of_the_proxy_is_needed(
        self, process: None, acme: Organization, agent: Agent, path: str
    ) -> None:
        whole = await token_of(acme, scopes=sorted(map(str, PROXY_SCOPES)))
        assert (await ask(whole, agent.slug, path=path)).status == 200
        for missing in PROXY_SCOPES:
            others = sorted(str(one) for one in PROXY_SCOPES if one != missing)
            answer = await ask(await token_of(acme, scopes=others), agent.slug, path=path)
            assert refusal(answer) == (403, "SCOPE_MISSING")
            assert str(missing) in answer.error()["message"]

    @pytest.mark.parametrize("path", PATHS)
    async def test_nobody_and_strangers_are_401(self, process: None, agent: Agent, path: str) -> None:
        for secret in (None, "", "ibex_pat_", new_secret(), new_secret() + "A", "A" * 1_000_000):
            assert refusal(await ask(secret, agent.slug, path=path)) == (401, "UNAUTHENTICATED")

    async def test_an_expired_token_is_401(self, process: None, acme: Organization, agent: Agent) -> None:
        secret = await token_of(acme)
        await in_scope(acme, change_token, secret, expires_at=timezone.now() - timedelta(seconds=1))
        assert refusal(await ask(secret, agent.slug)) == (401, "UNAUTHENTICATED")

    async def test_a_token_that_expires_while_it_is_known_is_401(
        self, process: None, acme: Organization, agent: Agent
    ) -> None:
        secret = await token_of(acme)
        await in_scope(acme, change_token, secret, expires_at=timezone.now() + timedelta(seconds=1))
        assert (await ask(secret, agent.slug)).status == 200
        async with asyncio.timeout(10):
            while (await ask(secret, agent.slug)).status == 200:  # noqa: ASYNC110 - time must pass
                await asyncio.sleep(0.05)

    async def test_tokens_of_a_suspended_organization_are_403(
        self, process: None, acme: Organization, agent: Agent
    ) -> None:
        secret = await token_of(acme)
        assert (await ask(secret, agent.slug)).status == 200
        await in_scope(acme, organizations.set_status, acme, OrganizationStatus.SUSPENDED, actor="system")
        assert (await ask(secret, agent.slug)).status == 403
        bound = await token_of(acme, agent=agent)
        assert (await ask(bound)).status == 403

    @pytest.mark.parametrize("status", [AgentStatus.PAUSED, AgentStatus.ARCHIVED])
    async def test_an_agent_that_does_not_serve_is_403_for_its_own_token_too(
        self, process: None, acme: Organization, agent: Agent, status: AgentStatus
    ) -> None:
        bound, free = await token_of(acme, agent=agent), await token_of(acme)
        assert (await ask(bound)).status == 200
        await in_scope(acme, agents.set_status, agent, status, actor="system")
        for answer in (await ask(bound), await ask(bound, agent.slug), await ask(free, str(agent.pk))):
            assert refusal(answer) == (403, "AGENT_SUSPENDED")

    async def test_a_bound_token_serves_its_agent_only(self, process: None, acme: Organization, agent: Agent) -> None:
        other = await sync_to_async(make_agent)(acme, "Other")
        bound = await token_of(acme, agent=agent)
        assert (await ask(bound)).status == 200
        for reference in (other.slug, str(other.pk), str(uuid4()), "nobody"):
            assert refusal(await ask(bound, reference)) == (403, "AGENT_NOT_AUTHORIZED")


class TestHeaders:
    async def test_the_token_stands_alone_behind_bearer(self, process: None, alice: Person, agent: Agent) -> None:
        token, stranger = alice.token, new_secret()
        refused = [
            token, f"Basic {token}", f"Token {token}", f"Bearer{token}", f"Bearer {token}, Bearer {stranger}",
            f"Bearer {stranger}, Bearer {token}", f"Bearer {token} {token}", f"Bearer\t{token}",
            f"Bearer Bearer {token}",
            f"Bearer {token[:-1]}", f"Bearer {token}=", f"Bearer {token.upper()}", f"Bearer {token}\0",
            f"Basic YTpi, Bearer {token}", f"Bearer \u200b{token}", f"Bearer {token[:20]}\u212a{token[21:]}",
        ]  # fmt: skip
        for header in refused:
            answer = await ask(None, agent.slug, (b"authorization", header.encode()))
            assert refusal(answer) == (401, "UNAUTHENTICATED"), header
            assert token not in str(answer)
        for header in (f"Bearer {token}", f"bearer {token}", f"BEARER   {token} "):
            assert (await ask(None, agent.slug, (b"authorization", header.encode()))).status == 200

    async def test_another_key_does_not_replace_a_refused_token(
        self, process: None, alice: Person, agent: Agent
    ) -> None:
        key = (b"x-api-key", alice.token.encode())
        assert (await ask(None, agent.slug, key)).status == 200
        assert refusal(await ask(new_secret(), agent.slug, key)) == (401, "UNAUTHENTICATED")
        assert refusal(await ask(None, agent.slug, key, (b"authorization", b""))) == (401, "UNAUTHENTICATED")

    @pytest.mark.parametrize("path", PATHS)
    async def test_who_calls_is_said_once(
        self, process: None, alice: Person, charlie: Person, agent: Agent, foreign_agent: Agent, path: str
    ) -> None:
        twice: list[Headers] = [
            [(b"authorization", f"Bearer {charlie.token}".encode())],
            [(b"x-ibex-agent-id", foreign_agent.slug.encode())],
            [(b"x-ibex-agent-id", agent.slug.encode())],
            [(b"x-ibex-user-id", b"ann"), (b"x-ibex-user-id", b"bea")],
            [(b"x-ibex-session-id", b"a"), (b"x-ibex-session-id", b"b")],
            [(b"x-api-key", charlie.token.encode()), (b"x-api-key", alice.token.encode())],
        ]
        for headers in twice:
            assert refusal(await ask(alice.token, agent.slug, *headers, path=path)) == (400, "INVALID_HEADER")

    async def test_a_name_with_an_underscore_is_another_header(
        self, process: None, alice: Person, agent: Agent, foreign_agent: Agent
    ) -> None:
        smuggled = (b"x_ibex_agent_id", foreign_agent.slug.encode())
        assert (await ask(alice.token, agent.slug, smuggled)).status == 200
        assert refusal(await ask(alice.token, None, smuggled)) == (400, "AGENT_ID_MISSING")


def strange_names(acme_agent: Agent, foreign: Agent) -> list[str]:
    """Names of agents that are not the caller's, in every spelling."""
    return [
        str(foreign.pk), str(foreign.pk).upper(), foreign.slug, f"{{{foreign.pk}}}", foreign.pk.hex, str(uuid4()),
        "nobody", "0" * 36, "x" * 63, "x" * 64, "x" * 9_000, "\0", f"{acme_agent.slug}\0", "%", f"{acme_agent.slug}%",
        "_" * 20,
        f"{acme_agent.slug}/../{foreign.slug}", f"{acme_agent.slug},{foreign.slug}", f"' OR slug = '{acme_agent.slug}",
        acme_agent.slug.replace("a", "\u0430"), f"{acme_agent.slug}\u200b", "\U0001f9a5", "*", "null", "None",
    ]  # fmt: skip


async def test_a_strangers_agent_and_none_at_all_get_the_same_answer(
    process: None, alice: Person, agent: Agent, foreign_agent: Agent
) -> None:
    def shown(answer: Answer) -> tuple[Any, ...]:
        error = answer.error() | {"request_id": ""}
        headers = {name: value for name, value in answer.headers.items() if name not in OWN_TO_EACH_CALL}
        return answer.status, json.dumps(error), len(answer.body), json.dumps(headers)

    answers = [await ask(alice.token, name) for name in strange_names(agent, foreign_agent)]
    assert len({shown(answer) for answer in answers}) == 1
    assert refusal(answers[0]) == (403, "AGENT_NOT_AUTHORIZED")


async def test_a_strangers_agent_and_none_at_all_ask_the_vault_the_same(
    process: None, alice: Person, agent: Agent, foreign_agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    execute = psycopg.AsyncConnection.execute

    async def noted(connection: Any, query: Any, *args: Any, **options: Any) -> Any:
        said.append(str(query).split("'")[0])
        return await execute(connection, query, *args, **options)

    await ask(alice.token, agent.slug)
    await settled()
    monkeypatch.setattr(psycopg.AsyncConnection, "execute", noted)
    asked = set()
    for name in strange_names(agent, foreign_agent):
        said.clear()
        await ask(alice.token, name)
        asked.add(tuple(said))
    assert len(asked) == 1
    assert any("agents_agent" in statement for statement in asked.pop())


@pytest.mark.load
async def test_a_strangers_agent_and_none_at_all_take_the_same_time(
    process: None, alice: Person, foreign_agent: Agent
) -> None:
    """Medians of interleaved calls, against the spread that the medians of one kind have among themselves."""
    kinds = {"foreign": lambda: str(foreign_agent.pk), "unknown": lambda: str(uuid4())}
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(3_000):
        for kind, name in kinds.items():
            began = time.perf_counter()
            await ask(alice.token, name())
            taken[kind].append(time.perf_counter() - began)
    medians = {kind: [statistics.median(times[at::10]) for at in range(10)] for kind, times in taken.items()}
    spread = max(max(found) - min(found) for found in medians.values())
    difference = abs(statistics.median(taken["foreign"]) - statistics.median(taken["unknown"]))
    print(f"difference of medians {difference * 1e6:.1f} µs, spread of medians {spread * 1e6:.1f} µs")
    assert difference <= spread


class TestWithoutTheVault:
    """Nothing is decided in a caller's favour because the vault does not answer."""

    @pytest.fixture
    def vault_down(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
        async def down() -> None:
            await database.close_hot_pool()
            monkeypatch.setattr("django.conf.settings.HOT_DATABASE_URL", DEAD_DATABASE)
            monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_S", 0.2)
            await database.open_hot_pool()

        return down

    @pytest.mark.parametrize("path", PATHS)
    async def test_a_token_that_is_not_known_is_503(
        self, process: None, vault_down: Any, alice: Person, agent: Agent, path: str
    ) -> None:
        await vault_down()
        assert refusal(await ask(alice.token, agent.slug, path=path)) == (503, "SERVICE_DEGRADED")

    async def test_an_agent_that_is_not_known_is_503(
        self, process: None, vault_down: Any, alice: Person, agent: Agent
    ) -> None:
        await authentication.authenticate(f"Bearer {alice.token}")
        await vault_down()
        assert refusal(await ask(alice.token, agent.slug)) == (503, "AUTH_UNAVAILABLE")

    async def test_who_is_known_goes_on_until_the_memory_of_it_ends_and_not_longer(
        self, process: None, vault_down: Any, alice: Person, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.monotonic()
        monkeypatch.setattr(authentication._principals, "_clock", lambda: now)
        monkeypatch.setattr(authentication._agents, "_clock", lambda: now)
        assert (await ask(alice.token, agent.slug)).status == 200
        await vault_down()
        assert (await ask(alice.token, agent.slug)).status == 200
        now += authentication.CACHE_TTL_S
        assert refusal(await ask(alice.token, agent.slug)) == (503, "SERVICE_DEGRADED")

    async def test_a_bad_token_is_401_when_it_is_known_and_503_when_it_is_not(
        self, process: None, vault_down: Any, agent: Agent
    ) -> None:
        known, unknown = new_secret(), new_secret()
        assert refusal(await ask(known, agent.slug)) == (401, "UNAUTHENTICATED")
        await vault_down()
        assert refusal(await ask(known, agent.slug)) == (401, "UNAUTHENTICATED")
        assert refusal(await ask(unknown, agent.slug)) == (503, "SERVICE_DEGRADED")
