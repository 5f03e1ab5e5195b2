"""A web process inside the test's own, for tests that call it hundreds of times."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from agents.choices import InjectionMode, Role
from agents.models import Agent, Organization
from agents.services import directives
from ibex.core import metrics
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from memories.choices import Source
from proxy import breaker, drain, journal, lifespan, rewarm
from tests.factories import Person, make_agent, make_organization, make_person
from tests.fuzz.calling import JSON_TYPE, Answer, Headers, call
from tests.fuzz.hostile import CANARY
from tests.memories.making import remember

MANY_CALLS = 10_000_000
"""No fuzz test is to meet the rate limit."""

Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def own_stream(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    """A journal that no other test's drain reads."""
    name = f"ibex:journal:{uuid4().hex}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "STREAM", name)
        patch.setattr(drain, "STREAM", name)
        yield name
    redis().delete(name)


@pytest.fixture(scope="module")
def loop(own_stream: str) -> Iterator[asyncio.Runner]:
    """One event loop with the web process's resources."""
    with asyncio.Runner() as runner:
        runner.run(lifespan.started())
        yield runner
        runner.run(_settle())
        runner.run(lifespan.stopped())


async def _settle() -> None:
    await asyncio.gather(*rewarm._running.values(), *breaker._tasks)


@pytest.fixture(scope="module")
def org(real_database: None) -> Organization:
    """An organization whose limit nobody meets."""
    organization = make_organization("Fuzz")
    Organization.objects.filter(pk=organization.pk).update(requests_per_minute=MANY_CALLS)
    return organization


@pytest.fixture(scope="module")
def owner(org: Organization) -> Person:
    return make_person("olga", org, Role.OWNER)


@pytest.fixture(scope="module")
def agents_by_mode(org: Organization, owner: Person) -> dict[str, Agent]:
    """An agent of each way to inject, with a directive and a memory that is in every prompt."""
    found = {}
    for mode in InjectionMode.values:
        agent = found[mode] = make_agent(org, "Fuzzed", injection_mode=mode)
        with scope(org.pk):
            directives.save(agent, f"Be brief. {CANARY}", actor="system")
        remember(agent, f"Ann lives in Oslo, near {CANARY}.", is_pinned=True, source=Source.USER_PROVIDED)
    return found


@pytest.fixture(scope="module")
def fuzzed_agent(agents_by_mode: dict[str, Agent]) -> Agent:
    return next(iter(agents_by_mode.values()))


def _boundary_errors() -> dict[str, float]:
    """Errors that nobody foresaw, by the boundary that caught them: a caller may not have noticed."""
    samples = next(iter(metrics.BOUNDARY_ERRORS.collect())).samples
    return {s.labels["boundary"]: s.value for s in samples if s.name.endswith("_total")}


@pytest.fixture
def ask(loop: asyncio.Runner, owner: Person, fuzzed_agent: Agent) -> Ask:
    """Call an address as the owner's application does; headers given replace those."""

    def ask(path: str, body: bytes, headers: Headers = (), *, method: str = "POST", query: bytes = b"") -> Answer:
        usual = [
            (b"authorization", f"Bearer {owner.token}".encode()),
            (b"x-ibex-agent-id", fuzzed_agent.slug.encode()),
            JSON_TYPE,
        ]
        given = {name for name, _ in headers}
        before = _boundary_errors()
        sent = [*(one for one in usual if one[0] not in given), *headers]
        answer = loop.run(call(path, body, sent, method=method, query=query))
        assert _boundary_errors() == before
        return answer

    return ask


@pytest.fixture(autouse=True)
def nothing_is_quoted() -> Iterator[None]:
    """No line of the log and no metric holds the canary, whatever the test sends, and no search failed on it."""
    stream = io.StringIO()
    listener = logging.StreamHandler(stream)
    product = next((h.formatter for h in logging.getLogger().handlers if "structlog" in str(type(h.formatter))), None)
    assert product is not None, "the product's log handler is not there"
    listener.setFormatter(product)
    logging.getLogger().addHandler(listener)
    yield
    logging.getLogger().removeHandler(listener)
    assert CANARY not in stream.getvalue()
    assert "DataError" not in stream.getvalue()
    assert CANARY.encode() not in metrics.exposition()
