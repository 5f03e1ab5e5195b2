from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent
from ibex.core.tenancy import scope
from memories.choices import Category, Source
from memories.models import Memory
from tests.factories import Person
from tests.memories.making import remember

Queries = Callable[[Person, str], int]


@pytest.fixture
def query_count() -> Queries:
    """How many queries of the application's role a page makes."""

    def count(who: Person, url: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert who.client.get(url).status_code == 200
        return len(captured)

    return count


@pytest.fixture
def coffee(agent: Agent) -> Memory:
    """A memory of Acme."""
    return remember(
        agent,
        "The user drinks two cups of black coffee every morning.",
        category=Category.PREFERENCE,
        tags=("drinks", "morning"),
        confidence=0.9,
        evidence="I drink two cups of black coffee every morning.",
        extractor="local/1",
    )


@pytest.fixture
def foreign(foreign_agent: Agent) -> Memory:
    """A memory of Globex."""
    return remember(foreign_agent, "The reactor's access word is swordfish.")


def fill(agent: Agent, count: int) -> None:
    """Many memories, the last one the newest, as refinement would have left them."""
    now = timezone.now()
    with scope(agent.org_id):
        rows = [
            Memory(
                org_id=agent.org_id,
                agent=agent,
                content=f"Shelf {number} holds bolts.",
                content_hash=hashlib.sha256(f"{agent.pk}{number}".encode()).digest(),
                category=Category.FACTUAL,
                source=Source.IMPORTED,
                tokens=5,
                observed_at=now,
            )
            for number in range(count)
        ]
        Memory.objects.bulk_create(rows)
        for number, row in enumerate(rows):
            row.created_at = now - timedelta(minutes=count - number)
        Memory.objects.bulk_update(rows, ["created_at"])


def fresh(memory: Memory) -> Memory:
    """The row as it is now, deleted or not."""
    with scope(memory.org_id):
        return Memory.objects.get(pk=memory.pk)
