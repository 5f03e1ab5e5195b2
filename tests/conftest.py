"""The cast, and the real servers. Tests commit for real: each makes organizations of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from django.test import Client

from agents.choices import Role
from agents.models import Agent, Organization
from tests.factories import Person, make_agent, make_organization, make_person


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """`tests.servers` has migrated the one database."""


@pytest.fixture(scope="session", autouse=True)
def real_database(django_db_blocker) -> Iterator[None]:
    """Every test may use the database; nothing is rolled back."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def acme() -> Organization:
    """Alice's organization."""
    return make_organization("Acme")


@pytest.fixture
def globex() -> Organization:
    """Charlie's organization: a stranger to Acme."""
    return make_organization("Globex")


@pytest.fixture
def agent(acme: Organization) -> Agent:
    """An agent of Acme."""
    return make_agent(acme, "Assistant")


@pytest.fixture
def foreign_agent(globex: Organization) -> Agent:
    """An agent of Globex."""
    return make_agent(globex, "Spy")


@pytest.fixture
def alice(acme: Organization) -> Person:
    """Owns Acme."""
    return make_person("alice", acme, Role.OWNER)


@pytest.fixture
def bob(acme: Organization) -> Person:
    """Alice's team mate: an operator of Acme."""
    return make_person("bob", acme, Role.OPERATOR)


@pytest.fixture
def victor(acme: Organization) -> Person:
    """May look at Acme, and touch nothing."""
    return make_person("victor", acme, Role.VIEWER)


@pytest.fixture
def charlie(globex: Organization) -> Person:
    """Owns Globex: in Acme a stranger, who gets nothing."""
    return make_person("charlie", globex, Role.OWNER)


@pytest.fixture
def anonymous() -> Client:
    """Nobody."""
    return Client()


@pytest.fixture
async def hot_path(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The web process's resources, for tests that run the hot path inside their own event loop. There a busy machine is
    never taken for a Redis or a vault that does not answer, nor its loop for one that has no time to search; and other
    tests' agents are not read when it starts.
    """
    from context import admission, assembler
    from ibex.core import pulse, redis_wire
    from proxy import journal, lifespan, turn_start, warm_start

    monkeypatch.setattr(redis_wire, "SILENT_AFTER_S", 30.0)
    monkeypatch.setattr(pulse, "SILENT_AFTER_S", 30.0)
    monkeypatch.setattr(pulse, "GIVEN_UP_AFTER_S", 60.0)
    monkeypatch.setattr(admission, "BUSY_FROM_S", 60.0)
    monkeypatch.setattr(turn_start, "TIMEOUT_S", 30.0)
    monkeypatch.setattr(journal, "APPEND_TIMEOUT_S", 30.0)
    monkeypatch.setattr(warm_start, "AGENTS_MAX", 0)
    assembler.admission_here.forget()
    await lifespan.started()
    yield
    await lifespan.stopped()
