"""Merging and taking a merge back: words, proofs and edges, whoever merged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.models import Agent
from ibex.core.errors import Conflict, NotFound
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Operation, Relation, Status
from memories.models import Memory, Relationship
from memories.refinement.draft import Result
from memories.refinement.pipeline import before_write, refine, write_all
from memories.refinement.revision import restore, revise
from memories.store.merging import UNDONE
from tests.memories.making import NOON, draft, memories_of, remember, versions_of

ACTOR = "operator:1"
PLAIN = "The user enjoys long walks on the beach."
RICHER = "The user really does enjoy the long walks on the beach."


def row(memory: Memory) -> Memory:
    with scope(memory.org_id):
        return Memory.objects.get(pk=memory.pk)


def merge(keep: Memory, gone: Memory) -> None:
    with scope(keep.org_id):
        store.merge(keep, gone, actor=ACTOR)


def unmerge(gone: Memory) -> None:
    with scope(gone.org_id):
        store.unmerge(gone, actor=ACTOR)


def edges_of(agent: Agent) -> list[tuple[str, str, str]]:
    with scope(agent.org_id):
        edges = Relationship.objects.filter(source__agent=agent)
        return sorted(edges.values_list("source__content", "kind", "target__content"))


@pytest.fixture
def tea(agent: Agent) -> Memory:
    memory = remember(agent, "The user drinks tea.")
    refine(draft(agent, "The user drinks tea."))
    return row(memory)


@pytest.fixture
def cup(agent: Agent) -> Memory:
    return remember(agent, "A hot cup of tea is what the user has at breakfast.", observed_at=NOON + timedelta(days=1))


class TestMergingTwoMemories:
    def test_one_speaks_for_both_and_the_proofs_add_up(self, agent: Agent, tea: Memory, cup: Memory) -> None:
        merge(tea, cup)
        kept, gone = row(tea), row(cup)
        assert (kept.status, kept.proof_count, kept.content) == (Status.ACTIVE, 3, "The user drinks tea.")
        assert kept.observed_at == NOON + timedelta(days=1)
        assert (gone.status, gone.merged_into_id) == (Status.MERGED, tea.pk)
        assert edges_of(agent) == [(cup.content, Relation.SUPPORTS, tea.content)]
        assert versions_of(tea)[-1] == (Operation.MERGED, f"merged by hand (with {cup.pk})")
        assert versions_of(cup)[-1] == (Operation.MERGED, f"merged by hand (into {tea.pk})")

    def test_undoing_it_brings_back_both_as_they_were(self, agent: Agent, tea: Memory, cup: Memory) -> None:
        merge(tea, cup)
        unmerge(cup)
        kept, back = row(tea), row(cup)
        assert (kept.proof_count, back.proof_count) == (2, 1)
        assert (back.status, back.status_reason, back.merged_into_id) == (Status.ACTIVE, "", None)
        assert edges_of(agent) == []
        assert versions_of(cup)[-1] == (Operation.RESTORED, UNDONE)
        assert versions_of(tea)[-1] == (Operation.UPDATED, f"{UNDONE} (with {cup.pk})")

    def test_a_memory_that_waited_waits_again(self, agent: Agent, tea: Memory) -> None:
        unsure = remember(agent, "The user may drink green tea.", confidence=0.2)
        merge(tea, unsure)
        unmerge(unsure)
        assert row(unsure).status == Status.PENDING_REVIEW

    def test_proofs_go_all_the_way_through_a_chain_and_back(self, agent: Agent, tea: Memory, cup: Memory) -> None:
        drinks = remember(agent, "Tea is the user's favourite drink of all.")
        merge(tea, cup)
        merge(drinks, tea)
        assert row(drinks).proof_count == 4
        unmerge(cup)
        assert (row(drinks).proof_count, row(tea).proof_count, row(cup).status) == (3, 2, Status.ACTIVE)

    def test_words_of_a_merged_memory_count_for_the_one_that_speaks_for_it(
        self, agent: Agent, tea: Memory, cup: Memory
    ) -> None:
        merge(tea, cup)
        outcome = refine(draft(agent, cup.content))
        assert (outcome.result, outcome.memory_id) == (Result.DUPLICATE_OF, tea.pk)
        assert (row(tea).proof_count, row(cup).proof_count) == (4, 2)
        unmerge(cup)
        assert row(tea).proof_count == 2

    def test_what_cannot_be_merged_is_refused(self, agent: Agent, tea: Memory, cup: Memory) -> None:
        anns = remember(agent, "Ann drinks tea.", end_user="ann")
        unsure = remember(agent, "The user may drink green tea.", confidence=0.2)
        for keep, gone in [(tea, tea), (tea, anns), (unsure, tea)]:
            with pytest.raises(Conflict):
                merge(keep, gone)
        merge(tea, cup)
        with pytest.raises(Conflict):
            merge(tea, cup)
        with pytest.raises(Conflict):
            unmerge(tea)

    def test_a_merge_is_not_undone_where_another_memory_has_the_words_by_now(
        self, agent: Agent, tea: Memory, cup: Memory
    ) -> None:
        merge(tea, cup)
        revise(agent.org_id, tea.pk, actor=ACTOR, content="The user owns a sailing boat.")
        remember(agent, cup.content)
        merged = [memory for memory in memories_of(agent) if memory.status == Status.MERGED]
        assert merged == []
        assert row(cup).status == Status.SUPERSEDED

    def test_deleting_the_one_deletes_what_was_merged_into_it(self, agent: Agent, tea: Memory, cup: Memory) -> None:
        merge(tea, cup)
        with scope(agent.org_id):
            store.delete(row(tea), actor=ACTOR)
        assert [(memory.content, memory.embedding) for memory in memories_of(agent)] == [("", None)] * 2
        assert refine(draft(agent, cup.content)).reason == "deleted"


class TestMergesOfRefinement:
    def test_the_poorer_text_is_kept_beside_and_can_come_back(self, agent: Agent) -> None:
        first = remember(agent, PLAIN, evidence="I enjoy long walks on the beach")
        refine(draft(agent, PLAIN))
        refine(draft(agent, RICHER, evidence="I really do enjoy them"))
        kept, gone = memories_of(agent)
        assert (kept.pk, kept.content, kept.proof_count) == (first.pk, RICHER, 3)
        assert (gone.content, gone.status, gone.proof_count) == (PLAIN, Status.MERGED, 2)
        assert (kept.evidence, gone.evidence) == ("I really do enjoy them", "I enjoy long walks on the beach")
        unmerge(gone)
        assert (row(gone).status, row(gone).proof_count, row(kept).proof_count) == (Status.ACTIVE, 2, 1)

    def test_a_draft_in_other_words_is_kept_beside_and_can_come_back(self, agent: Agent) -> None:
        refine(draft(agent, RICHER))
        outcome = refine(draft(agent, PLAIN))
        kept, gone = memories_of(agent)
        assert (outcome.result, outcome.memory_id) == (Result.DUPLICATE_OF, kept.pk)
        assert (kept.proof_count, gone.content, gone.status) == (2, PLAIN, Status.MERGED)
        unmerge(gone)
        assert [(memory.content, memory.proof_count) for memory in memories_of(agent)] == [(RICHER, 1), (PLAIN, 1)]
        assert refine(draft(agent, PLAIN)).memory_id == gone.pk

    def test_the_same_other_words_are_kept_once(self, agent: Agent) -> None:
        for text in (RICHER, PLAIN, PLAIN, PLAIN):
            refine(draft(agent, text))
        kept, gone = memories_of(agent)
        assert (kept.proof_count, gone.proof_count) == (4, 3)

    def test_what_was_quarantined_comes_back_to_quarantine(self, agent: Agent) -> None:
        suspicious = [
            replace(one, doubts=("odd",)) for one in before_write([draft(agent, RICHER), draft(agent, PLAIN)])
        ]
        with scope(agent.org_id):
            write_all(suspicious)
        kept, gone = memories_of(agent)
        assert (kept.status, gone.status) == (Status.QUARANTINED, Status.MERGED)
        unmerge(gone)
        assert row(gone).status == Status.QUARANTINED


class TestEdits:
    def test_other_words_for_the_old_text_are_no_proof_of_the_new_one(self, agent: Agent) -> None:
        for text in (RICHER, PLAIN):
            refine(draft(agent, text))
        kept, gone = memories_of(agent)
        revise(agent.org_id, kept.pk, actor=ACTOR, content="The user never walks on the beach.")
        assert (row(kept).proof_count, row(gone).status, row(gone).merged_into_id) == (1, Status.SUPERSEDED, None)
        assert refine(draft(agent, PLAIN)).memory_id != kept.pk

    def test_an_edit_that_says_the_same_keeps_them(self, agent: Agent) -> None:
        for text in (RICHER, PLAIN):
            refine(draft(agent, text))
        kept, gone = memories_of(agent)
        revise(agent.org_id, kept.pk, actor=ACTOR, content="The user really enjoys the long walks on the beach.")
        assert (row(kept).proof_count, row(gone).merged_into_id) == (2, kept.pk)

    def test_a_merged_memory_is_not_edited_and_its_merge_is_no_version_to_restore(
        self, agent: Agent, tea: Memory, cup: Memory
    ) -> None:
        merge(tea, cup)
        with pytest.raises(Conflict):
            revise(agent.org_id, cup.pk, actor=ACTOR, content="The user owns a sailing boat.")
        with pytest.raises(Conflict):
            restore(agent.org_id, cup.pk, 2, actor=ACTOR)

    def test_restoring_its_first_version_undoes_the_merge(self, agent: Agent, tea: Memory, cup: Memory) -> None:
        merge(tea, cup)
        restore(agent.org_id, cup.pk, 1, actor=ACTOR)
        assert (row(cup).status, row(cup).merged_into_id, row(tea).proof_count) == (Status.ACTIVE, None, 2)


def test_a_foreign_organization_cannot_merge(agent: Agent, foreign_agent: Agent, tea: Memory) -> None:
    theirs = remember(foreign_agent, "The user drinks tea.")
    with pytest.raises(NotFound), scope(agent.org_id):
        store.merge(tea, theirs, actor=ACTOR)
    assert row(theirs).status == Status.ACTIVE
