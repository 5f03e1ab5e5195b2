from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import orjson
from django.utils import timezone

from agents.models import Agent
from context.lines import line_of
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


def line(memory_id: UUID, rank: int = 1, **fields: Any) -> list[Any]:
    known: dict[str, Any] = {
        "version": 1,
        "score": 0.5,
        "components": (0.5,),
        "arm": Arm.COLD,
        "tokens": 9,
        "is_packed": True,
    }
    considered = Considered(memory_id=memory_id, rank=rank, **(known | fields))
    row: list[Any] = orjson.loads(orjson.dumps(considered.as_row()))
    return row


def written(agent: Agent, turn_id: UUID, *lines: list[Any]) -> list[Injection]:
    with scope(agent.org_id):
        keep(agent.org_id, [(agent.pk, turn_id, lines)])
        keep_assemblies(agent.org_id, [(agent.pk, turn_id, None, "", assembled(), lines)])
        return injections_of_turns(agent.org_id, [turn_id]).get(turn_id, [])


def prompts_of(memory: Memory) -> list[UUID]:
    with scope(memory.org_id):
        return list(Injection.objects.of(memory.org_id).filter(memory=memory).values_list("turn_id", flat=True))


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


def test_a_memory_knows_the_prompts_that_it_was_put_into(agent: Agent) -> None:
    dog, cat, old, turn_id = remember(agent, "a dog"), remember(agent, "a cat"), remember(agent, "old"), uuid4()
    left_out = line(cat.pk, rank=2, is_packed=False, reason="over_budget")
    for _ in range(2):
        written(agent, turn_id, line(dog.pk), left_out, line(old.pk, rank=0, arm=Arm.REPLAYED))
    assert [prompts_of(memory) for memory in (dog, cat, old)] == [[turn_id], [], [turn_id]]


def test_the_lines_of_a_memory_go_with_it(agent: Agent) -> None:
    dog, cat, turn_id = remember(agent, "a dog"), remember(agent, "a cat"), uuid4()
    lines = (line(dog.pk), line(cat.pk, rank=2, is_packed=False, reason="over_budget"))
    for gone, left in ((dog, [cat.pk]), (cat, [])):
        written(agent, turn_id, *lines)
        with scope(agent.org_id):
            Memory.objects.filter(pk=gone.pk)._raw_delete("default")
            found = injections_of_turns(agent.org_id, [turn_id]).get(turn_id, [])
        assert [row.memory_id for row in found] == left
        assert prompts_of(gone) == []


def test_rows_of_before_lines_were_kept_with_the_assembly_are_read_as_well(agent: Agent) -> None:
    dog, cat, turn_id = remember(agent, "a dog"), remember(agent, "a cat"), uuid4()
    with scope(agent.org_id):
        for place, (memory, is_packed) in enumerate(((dog, True), (cat, False)), start=1):
            Injection.objects.create(
                org_id=agent.org_id, agent=agent, memory=memory, turn_id=turn_id, memory_version=1, rank=place,
                score=0.5, components={"relevance": 0.5}, arm="cold", tokens=9, is_packed=is_packed,
            )  # fmt: skip
        AssemblyRecord.objects.create(
            org_id=agent.org_id, agent=agent, turn_id=turn_id, assembled_at=timezone.now(), placement="system_first"
        )
        rows = injections_of_turns(agent.org_id, [turn_id])[turn_id]
    assert [(row.memory.content, row.is_packed) for row in rows] == [("a dog", True), ("a cat", False)]


def test_what_a_later_version_adds_to_a_line_is_passed_over(agent: Agent) -> None:
    dog, turn_id = remember(agent, "a dog"), uuid4()
    stored = line(dog.pk)
    with scope(agent.org_id):
        AssemblyRecord.objects.create(
            org_id=agent.org_id, agent=agent, turn_id=turn_id, assembled_at=timezone.now(), placement="system_first",
            lines=[[*stored, "of a later version"], stored[:9]],
        )  # fmt: skip
        rows = injections_of_turns(agent.org_id, [turn_id])[turn_id]
    assert [row.tokens for row in rows] == [9, 9]


def test_a_line_keeps_its_place_in_every_arm_that_brought_it_up(agent: Agent) -> None:
    [row] = written(agent, uuid4(), line(remember(agent, "a dog").pk, vector_rank=2, word_rank=None, hot_rank=7))
    assert (row.vector_rank, row.word_rank, row.hot_rank) == (2, None, 7)


def test_a_line_of_a_process_that_said_each_values_name_is_kept_as_well(agent: Agent) -> None:
    dog = remember(agent, "a dog")
    said: dict[str, Any] = {
        "memory_id": str(dog.pk), "version": 1, "rank": 1, "score": 0.5, "components": {"recency": 0.25}, "arm": "cold",
        "tokens": 9, "is_packed": True, "reason": "",
    }  # fmt: skip
    [row] = written(agent, uuid4(), line_of(said))
    assert (row.components, row.vector_rank, row.tokens) == ({"recency": 0.25}, None, 9)


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
    records(agent, (agent.pk, turn_id, None, "kim", said, []))
    [row] = records(agent, (agent.pk, turn_id, None, "kim", assembled(level=0), []))
    assert (row.turn_id, row.session_id, row.end_user, row.mode, row.level) == (turn_id, None, "kim", "on", 1)
    assert (row.assembled_at.timestamp(), row.missing, row.directive_version) == (1_760_000_000.5, ["cold"], 3)
    assert (row.budget, row.forgotten) == ({"window": 8_192, "cap": 2_000}, ["000000000000001"])
    assert (row.block_nonce, row.block_anchor, row.block_tokens, row.wording) == ("000000000000002", "ab:0", 40, "")


def test_a_session_that_is_not_there_is_not_named_and_unknown_facts_are_left_out(agent: Agent) -> None:
    [row] = records(agent, (agent.pk, uuid4(), uuid4(), "", assembled(budget=None, of_a_later_version=1), []))
    assert row.session_id is None
    assert row.budget is None


def test_a_turn_that_considered_nothing_leaves_nothing(agent: Agent) -> None:
    assert written(agent, uuid4()) == []


def test_a_stranger_reads_no_receipt(agent: Agent, foreign_agent: Agent) -> None:
    turn_id = uuid4()
    written(agent, turn_id, line(remember(agent, "a dog").pk))
    with scope(foreign_agent.org_id):
        assert injections_of_turns(agent.org_id, [turn_id]) == {}
