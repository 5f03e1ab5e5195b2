from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from agents.models import Agent
from context.models import AssemblyRecord, Injection
from context.receipts import AssemblyTold, keep, keep_assemblies
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
        "components": (0.5,),
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
    replayed = line(old.pk, rank=0, arm=Arm.REPLAYED, score=0.0, components=())
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


def test_a_line_keeps_its_place_in_every_arm_that_brought_it_up(agent: Agent) -> None:
    [row] = written(agent, uuid4(), line(remember(agent, "a dog").pk, vector_rank=2, word_rank=None, hot_rank=7))
    assert (row.vector_rank, row.word_rank, row.hot_rank) == (2, None, 7)


def test_a_line_of_a_process_that_knew_of_no_arms_is_kept_as_well(agent: Agent) -> None:
    said = line(remember(agent, "a dog").pk)
    for name in ("vector_rank", "word_rank", "hot_rank"):
        del said[name]
    [row] = written(agent, uuid4(), said)
    assert row.vector_rank is None


def assembled(**fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "assembled_at": 1_760_000_000.5,
        "mode": "on",
        "level": 1,
        "missing": ("cold",),
        "directive_version": 3,
        "budget": {"window": 8_192, "cap": 2_000},
        "placement": "system_first",
        "joins_blocks": False,
        "message_count": 5,
        "forgotten": ("000000000000001",),
    }
    return known | fields


def records(agent: Agent, *told: AssemblyTold) -> list[AssemblyRecord]:
    with scope(agent.org_id):
        keep_assemblies(agent.org_id, told)
        return list(AssemblyRecord.objects.of(agent.org_id).order_by("pk"))


def test_how_a_context_came_about_is_kept_once(agent: Agent) -> None:
    turn_id, said = uuid4(), assembled(block_nonce="000000000000002", block_anchor="ab:0", block_tokens=40)
    records(agent, (agent.pk, turn_id, None, "kim", said))
    [row] = records(agent, (agent.pk, turn_id, None, "kim", assembled(level=0)))
    assert (row.turn_id, row.session_id, row.end_user, row.mode, row.level) == (turn_id, None, "kim", "on", 1)
    assert (row.assembled_at.timestamp(), row.missing, row.directive_version) == (1_760_000_000.5, ["cold"], 3)
    assert (row.budget, row.forgotten) == ({"window": 8_192, "cap": 2_000}, ["000000000000001"])
    assert (row.block_nonce, row.block_anchor, row.block_tokens, row.wording) == ("000000000000002", "ab:0", 40, "")


def test_a_session_that_is_not_there_is_not_named_and_unknown_facts_are_left_out(agent: Agent) -> None:
    [row] = records(agent, (agent.pk, uuid4(), uuid4(), "", assembled(budget=None, of_a_later_version=1)))
    assert row.session_id is None
    assert row.budget is None


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
