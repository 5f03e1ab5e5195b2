"""Nine steps, asked through the one door that every surface uses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from agents.models import Agent
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Category, Operation, Source, Status
from memories.models import Memory, Relationship
from memories.refinement.draft import Outcome, Result
from memories.refinement.exact import content_hash
from memories.refinement.pipeline import before_write, refine, refine_all, write_all
from tests.memories.making import NOON, draft, memories_of, memory_of, remember, versions_of

WRITERS = 50


def test_a_draft_becomes_an_active_memory_with_its_first_version(agent: Agent) -> None:
    outcome = refine(draft(agent, "The user lives in Lisbon.", tags=("home",), labels=(("place", 0.9),)))
    memory = memory_of(agent, outcome)
    assert (outcome.result, memory.status, memory.version) == (Result.CREATED, Status.ACTIVE, 1)
    assert (memory.tags, memory.labels) == (["home"], [{"name": "place", "confidence": 0.9}])
    assert memory.tokens > 0
    assert memory.embedding_model == "all-MiniLM-L6-v2"
    assert versions_of(memory) == [(Operation.CREATED, "")]


def test_what_is_no_memory_is_rejected_and_nothing_is_stored(agent: Agent) -> None:
    outcome = refine(draft(agent, "   "))
    assert (outcome.result, outcome.reason) == (Result.REJECTED, "invalid: content")
    assert memories_of(agent) == []


def test_personal_data_is_gone_before_anything_is_hashed_or_stored(agent: Agent) -> None:
    memory = remember(
        agent, "The user's email is jane.roe@example.com.", evidence="write to jane.roe@example.com please"
    )
    assert memory.content == "The user's email is [EMAIL]."
    assert "jane" not in memory.evidence
    assert bytes(memory.content_hash) == content_hash("The user's email is [EMAIL].")


def test_the_same_words_are_counted_not_stored_twice(agent: Agent) -> None:
    first = refine(draft(agent, "The user has a cat named Miso."))
    second = refine(draft(agent, "  the user HAS a cat   named Miso.\n", observed_at=NOON + timedelta(days=1)))
    memory = memory_of(agent, first)
    assert (second.result, second.memory_id) == (Result.DUPLICATE_OF, first.memory_id)
    assert (memory.proof_count, memory.observed_at) == (2, NOON + timedelta(days=1))
    assert [operation for operation, _ in versions_of(memory)] == [Operation.CREATED, Operation.BUMPED]


def test_repetition_makes_surer_but_never_certain(agent: Agent) -> None:
    for _ in range(30):
        outcome = refine(draft(agent, "The user plays the cello.", confidence=0.6))
    memory = memory_of(agent, outcome)
    assert memory.proof_count == 30
    assert 0.9 < memory.confidence <= 0.99


def test_the_same_in_other_words_keeps_the_richer_text_and_its_history(agent: Agent) -> None:
    first = refine(draft(agent, "The user enjoys long walks on the beach."))
    second = refine(draft(agent, "The user really does enjoy the long walks on the beach."))
    memory = memory_of(agent, first)
    assert (second.result, second.memory_id) == (Result.MERGED_INTO, first.memory_id)
    assert memory.content == "The user really does enjoy the long walks on the beach."
    assert [operation for operation, _ in versions_of(memory)] == [Operation.CREATED, Operation.MERGED]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The database listens on port 5432.", "The cache listens on port 5433."),
        ("The user likes green tea.", "The user likes green apples."),
        ("The user's daughter is named Emma.", "The user's son is named Max."),
    ],
)
def test_what_only_looks_alike_stays_apart(agent: Agent, one: str, other: str) -> None:
    refine(draft(agent, one))
    assert refine(draft(agent, other)).result == Result.CREATED
    assert [memory.status for memory in memories_of(agent)] == [Status.ACTIVE, Status.ACTIVE]


def test_a_newer_value_supersedes_the_older_one_with_an_edge_and_a_reason(agent: Agent) -> None:
    old = remember(agent, "The user lives in Berlin.")
    new = remember(agent, "The user lives in Munich.", observed_at=NOON + timedelta(days=3))
    assert (memory_status(old), memory_status(new)) == (Status.SUPERSEDED, Status.ACTIVE)
    with scope(agent.org_id):
        edge = Relationship.objects.get(source=new, target=old)
    assert edge.kind == "supersedes"
    operation, reason = versions_of(old)[-1]
    assert operation == Operation.SUPERSEDED
    assert str(new.pk) in reason


def test_what_was_learned_late_about_earlier_does_not_replace_what_is_newer(agent: Agent) -> None:
    now = remember(agent, "The user lives in Munich.", observed_at=NOON)
    before = remember(agent, "The user lives in Berlin.", observed_at=NOON - timedelta(days=400))
    assert (memory_status(now), memory_status(before)) == (Status.ACTIVE, Status.SUPERSEDED)


def test_a_turn_that_is_read_once_more_does_not_bring_back_what_gave_way_since(agent: Agent) -> None:
    old = refine(draft(agent, "The user lives in Lisbon.", observed_at=NOON))
    refine(draft(agent, "The user moved from Lisbon to Porto.", observed_at=NOON + timedelta(days=1)))
    again = refine(draft(agent, "The user lives in Lisbon.", observed_at=NOON))
    assert (again.result, again.memory_id) == (Result.DUPLICATE_OF, old.memory_id)
    assert memory_of(agent, old).status == Status.SUPERSEDED
    back = refine(draft(agent, "The user lives in Lisbon.", observed_at=NOON + timedelta(days=2)))
    assert (back.result, back.memory_id != old.memory_id) == (Result.CREATED, True)


def test_a_later_period_of_validity_supersedes_without_a_model(agent: Agent) -> None:
    slot = {"subject": "user", "attribute": "team"}
    then, now = NOON - timedelta(days=300), NOON - timedelta(days=10)
    old = remember(agent, "The user leads the payments team.", valid_from=then, valid_until=now, **slot)
    new = remember(agent, "The user leads the payouts team.", valid_from=now, **slot)
    assert (memory_status(old), memory_status(new)) == (Status.SUPERSEDED, Status.ACTIVE)


def test_extraction_does_not_overrule_what_a_person_wrote(agent: Agent) -> None:
    written = remember(agent, "The user's budget is 2000 euros.", source=Source.USER_PROVIDED, actor="operator:1")
    outcome = refine(draft(agent, "The user's budget is 3000 euros.", observed_at=NOON + timedelta(days=1)))
    assert outcome.result == Result.PENDING_REVIEW
    assert memory_status(written) == Status.ACTIVE


def test_an_unsure_claim_waits_for_a_person(agent: Agent) -> None:
    outcome = refine(draft(agent, "The user may move to Porto.", confidence=0.3))
    assert (outcome.result, outcome.reason) == (Result.PENDING_REVIEW, "low confidence")


@pytest.mark.parametrize(
    ("known", "said", "reason"),
    [
        (
            "The user is vegetarian.",
            "The user eats chicken every day.",
            "eating meat and being vegetarian exclude each other",
        ),
        (
            "The user is retired.",
            "The user works full time at a bank.",
            "having a job and being retired exclude each other",
        ),
    ],
    ids=["of half the likeness", "of next to none"],
)
def test_what_hardly_goes_together_waits_and_retires_nothing(agent: Agent, known: str, said: str, reason: str) -> None:
    old = remember(agent, known)
    outcome = refine(draft(agent, said))
    assert (outcome.result, outcome.reason) == (Result.PENDING_REVIEW, reason)
    assert memory_status(old) == Status.ACTIVE
    with scope(agent.org_id):
        assert Relationship.objects.get(source_id=outcome.memory_id, target=old).kind == "contradicts"


def test_an_exception_stands_beside_the_rule(agent: Agent) -> None:
    rule = remember(agent, "The office is open on Saturdays.")
    exception = remember(agent, "The office is closed on Saturdays in August.")
    assert (memory_status(rule), memory_status(exception)) == (Status.ACTIVE, Status.ACTIVE)


def test_two_ways_to_write_the_same_letters_are_one_text(agent: Agent) -> None:
    first = refine(draft(agent, "The user owns the Caf\u00e9 Ren\u00e9e."))
    again = refine(draft(agent, "The user owns the Cafe\u0301 Rene\u0301e."))
    assert (again.result, again.memory_id) == (Result.DUPLICATE_OF, first.memory_id)


def test_one_write_never_retires_many(agent: Agent) -> None:
    cities = ["Berlin", "Hamburg", "Cologne", "Dresden"]
    with scope(agent.org_id):
        for city in cities:
            [prepared] = before_write([draft(agent, f"The user lives in {city}.")])
            store.create(prepared, store.Standing())
    outcome = refine(draft(agent, "The user lives in Munich.", observed_at=NOON + timedelta(days=1)))
    assert outcome.result == Result.PENDING_REVIEW
    assert [memory.status for memory in memories_of(agent)].count(Status.SUPERSEDED) == 0


def test_end_users_do_not_meet(agent: Agent) -> None:
    one = refine(draft(agent, "The user lives in Berlin.", end_user="ann"))
    other = refine(draft(agent, "The user lives in Berlin.", end_user="ben"))
    moved = refine(draft(agent, "The user lives in Munich.", end_user="ben", observed_at=NOON + timedelta(days=1)))
    assert {one.result, other.result, moved.result} == {Result.CREATED}
    assert memory_of(agent, one).status == Status.ACTIVE


def test_two_agents_do_not_meet(agent: Agent, foreign_agent: Agent) -> None:
    assert refine(draft(agent, "The user lives in Berlin.")).result == Result.CREATED
    assert refine(draft(foreign_agent, "The user lives in Berlin.")).result == Result.CREATED


def test_extraction_does_not_learn_again_what_was_deleted_but_a_person_may(agent: Agent) -> None:
    memory = remember(agent, "The user is afraid of spiders.")
    with scope(agent.org_id):
        store.delete(memory, actor="operator:1")
    again = refine(draft(agent, "The user is afraid of spiders."))
    by_hand = refine(draft(agent, "The user is afraid of spiders.", source=Source.USER_PROVIDED, actor="operator:1"))
    assert (again.result, again.reason) == (Result.REJECTED, "deleted")
    assert by_hand.result == Result.CREATED


def test_extraction_does_not_learn_again_what_was_rejected(agent: Agent) -> None:
    memory = remember(agent, "The user may like jazz.", confidence=0.2)
    with scope(agent.org_id):
        store.reject(memory, actor="operator:1", reason="not so")
    assert refine(draft(agent, "The user may like jazz.")).reason == "rejected before"


def test_a_batch_sees_its_own_duplicates(agent: Agent) -> None:
    outcomes = refine_all([draft(agent, "The user owns a red bike."), draft(agent, "The user owns a red bike.")])
    assert [outcome.result for outcome in outcomes] == [Result.CREATED, Result.DUPLICATE_OF]


def test_nothing_is_written_when_the_callers_transaction_fails(agent: Agent) -> None:
    prepared = before_write([draft(agent, "The user owns a boat.")])

    def write_and_fail() -> None:
        with scope(agent.org_id):
            write_all(prepared)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert memories_of(agent) == []


def test_fifty_writers_of_the_same_words_make_one_memory(agent: Agent) -> None:
    def write(number: int) -> Outcome:
        try:
            return refine(draft(agent, "The office closes at six on Fridays.", category=Category.PROCEDURAL))
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(WRITERS) as pool:
        results = [outcome.result for outcome in pool.map(write, range(WRITERS))]
    assert sorted(results) == [Result.CREATED, *[Result.DUPLICATE_OF] * (WRITERS - 1)]
    [memory] = memories_of(agent)
    assert memory.proof_count == WRITERS


def test_a_writer_without_the_lock_makes_a_duplicate_not_an_error(agent: Agent) -> None:
    [prepared] = before_write([draft(agent, "The user collects stamps.")])
    with scope(agent.org_id):
        assert store.create(prepared, store.Standing()) is not None
        assert store.create(prepared, store.Standing()) is None
        assert write_all([prepared])[0].result == Result.DUPLICATE_OF


def memory_status(memory: Memory) -> str:
    with scope(memory.org_id):
        return str(Memory.objects.get(pk=memory.pk).status)
