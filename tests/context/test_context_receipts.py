from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from agents.models import Agent
from context.models import Injection
from context.receipts import keep
from context.selectors import injections_of_turns
from context.values import Arm, Considered
from ibex.core.tenancy import scope
from memories.models import Memory


def remember(agent: Agent, content: str) -> Memory:
    with scope(agent.org_id):
        return Memory.objects.create(
            org_id=agent.org_id,
            agent=agent,
            content=content,
            content_hash=content.encode(),
            category="factual",
            source="extracted",
            tokens=5,
            observed_at=timezone.now(),
        )


def line(memory_id: UUID, rank: int = 1, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "version": 1,
        "score": 0.5,
        "components": {"relevance": 0.5},
        "arm": Arm.COLD,
        "tokens": 9,
        "is_packed": True,
    }
    return Considered(memory_id=memory_id, rank=rank, **(known | fields)).as_json()


def written(agent: Agent, turn_id: UUID, *lines: dict[str, Any]) -> list[Injection]:
    with scope(agent.org_id):
        keep(agent.org_id, [(agent.pk, turn_id, lines)])
        return injections_of_turns(agent.org_id, [turn_id]).get(turn_id, [])


def test_a_receipt_is_kept_line_by_line_and_read_best_first(agent: Agent) -> None:
    dog, cat, old = remember(agent, "a dog"), remember(agent, "a cat"), remember(agent, "an old friend")
    left_out = line(cat.pk, rank=2, is_packed=False, reason="over_budget", version=3)
    replayed = line(old.pk, rank=0, arm=Arm.REPLAYED, score=0.0, components={})
    rows = written(agent, uuid4(), left_out, replayed, line(dog.pk))
    assert [row.memory.content for row in rows] == ["a dog", "a cat", "an old friend"]
    second = rows[1]
    assert (second.memory_version, second.is_packed, second.reason) == (3, False, "over_budget")
    assert (rows[0].score, rows[0].components, rows[0].arm, rows[0].tokens) == (0.5, {"relevance": 0.5}, "cold", 9)


def test_lines_about_what_is_gone_or_a_strangers_are_left_out(agent: Agent, foreign_agent: Agent) -> None:
    dog, secret = remember(agent, "a dog"), remember(foreign_agent, "a secret")
    rows = written(agent, uuid4(), line(uuid4()), line(secret.pk), line(dog.pk))
    assert [row.memory_id for row in rows] == [dog.pk]


def test_a_memory_of_another_agent_of_the_same_organization_is_left_out(agent: Agent) -> None:
    with scope(agent.org_id):
        other = Agent.objects.create(org_id=agent.org_id, name="Other", slug=f"other-{uuid4().hex[:8]}")
    assert written(agent, uuid4(), line(remember(other, "theirs").pk)) == []


def test_a_receipt_that_is_written_twice_is_there_once(agent: Agent) -> None:
    dog, turn_id = remember(agent, "a dog"), uuid4()
    written(agent, turn_id, line(dog.pk))
    assert len(written(agent, turn_id, line(dog.pk))) == 1


def test_what_was_put_into_a_prompt_is_told_once(agent: Agent) -> None:
    dog, cat, old, turn_id = remember(agent, "a dog"), remember(agent, "a cat"), remember(agent, "old"), uuid4()
    lines = [line(dog.pk), line(cat.pk, is_packed=False, reason="over_budget"), line(old.pk, arm=Arm.REPLAYED)]
    with scope(agent.org_id):
        assert keep(agent.org_id, [(agent.pk, turn_id, lines)]) == [dog.pk]
        assert keep(agent.org_id, [(agent.pk, turn_id, lines)]) == []


def test_a_turn_that_considered_nothing_leaves_nothing(agent: Agent) -> None:
    assert written(agent, uuid4()) == []


def test_only_what_was_in_the_prompt_can_be_asked_for(agent: Agent) -> None:
    dog, cat, turn_id = remember(agent, "a dog"), remember(agent, "a cat"), uuid4()
    written(agent, turn_id, line(dog.pk), line(cat.pk, rank=2, is_packed=False, reason="over_budget"))
    with scope(agent.org_id):
        packed = injections_of_turns(agent.org_id, [turn_id], packed_only=True)
    assert [row.memory_id for row in packed[turn_id]] == [dog.pk]


def test_a_stranger_reads_no_receipt(agent: Agent, foreign_agent: Agent) -> None:
    turn_id = uuid4()
    written(agent, turn_id, line(remember(agent, "a dog").pk))
    with scope(foreign_agent.org_id):
        assert injections_of_turns(agent.org_id, [turn_id]) == {}
