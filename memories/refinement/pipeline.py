"""From a draft to a stored memory, in nine steps, for every surface alike (SPEC section 5).

1 validate → 2 PII → 3 exact dedup → 4 embed → 5 near-duplicate → 6 conflict → 7 write → 8 desk → 9 index

`before_write` holds what waits on a processor (1, 2, 4); `write_all` decides and writes (3, 5, 6, 7) inside the
caller's transaction, one writer of an agent at a time; the desk (8) and the index (9) follow the commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from ibex.core import metrics
from ibex.core.tenancy import scope
from memories.choices import Status
from memories.models import Memory
from memories.refinement import conflict, consult, exact, near, prepare
from memories.refinement.draft import Draft, Outcome, Prepared, Result
from memories.refinement.near import Same
from memories.refinement.neighbours import neighbours
from memories.refinement.verdicts import OUTDATED, Decision
from memories.retrieval import indexes
from memories.store import absorb, absorb_richer, bump, bump_through, connect, create, one_writer_each, supersede
from memories.store.write import Standing

UNSURE = 0.5
"""Confidence under which a person looks first (SPEC section 5)."""


def refine(draft: Draft) -> Outcome:
    """Take one draft through all nine steps."""
    return refine_all([draft])[0]


def refine_all(drafts: Sequence[Draft]) -> list[Outcome]:
    """Take drafts of one organization through all nine steps, in order, in one transaction."""
    if not drafts:
        return []
    prepared = before_write(drafts)
    with scope(drafts[0].org_id):
        return write_all(prepared)


def before_write(drafts: Sequence[Draft]) -> list[Prepared]:
    """Steps 1, 2 and 4, and the hash of step 3; then the questions to a model, where an agent asks one.

    Slow; call it outside any transaction.
    """
    batch = [prepare.validated(draft) for draft in drafts]
    batch = [prepare.redacted(prepared) for prepared in batch]
    batch = [prepare.hashed(prepared) for prepared in batch]
    return consult.consulted(prepare.embedded(batch))


def write_all(batch: Sequence[Prepared]) -> list[Outcome]:
    """Steps 3 and 5 to 9, inside the caller's `scope()`; the transaction is the caller's."""
    one_writer_each((prepared.draft.org_id, prepared.draft.agent_id) for prepared in batch)
    known = exact.known_words(batch)
    outcomes = []
    for prepared in batch:
        outcomes.append(_write(prepared, is_known=exact.words_of(prepared) in known))
        known.add(exact.words_of(prepared))
    for outcome in outcomes:
        metrics.REFINED.labels(outcome=outcome.result.value).inc()
    indexes.after_commit(batch)
    return outcomes


def _write(prepared: Prepared, *, is_known: bool) -> Outcome:
    if prepared.refused:
        return Outcome(result=Result.REJECTED, reason=f"invalid: {prepared.refused}")
    if is_known and (outcome := _known(prepared)):
        return outcome
    found = neighbours(prepared, quarantined=bool(prepared.doubts))
    if same := near.find(prepared.draft, found, prepared.opinions):
        return _repeat(same, prepared)
    decision = Decision() if prepared.doubts else conflict.decide(prepared.draft, found, prepared.opinions)
    return _store(prepared, decision)


def _known(prepared: Prepared) -> Outcome | None:
    """What becomes of words that were stored before; None when they may be stored again."""
    if twin := exact.find(prepared):
        bump(twin, prepared)
        return Outcome(result=Result.DUPLICATE_OF, memory_id=twin.pk, reason="the same words")
    if (gone := exact.find_merged(prepared)) and (keeper := bump_through(gone, prepared)):
        return Outcome(result=Result.DUPLICATE_OF, memory_id=keeper.pk, reason="the same words as one merged into it")
    if outdated := exact.find_outdated(prepared):
        return Outcome(result=Result.DUPLICATE_OF, memory_id=outdated.pk, reason="the same words, outdated since")
    if refused := exact.was_refused(prepared):
        return Outcome(result=Result.REJECTED, reason=refused)
    return None


def _repeat(same: Same, prepared: Prepared) -> Outcome:
    reason = same.reason
    if near.is_richer(prepared.draft.content, than=same.memory.content):
        reason = f"{reason}, the richer text"
        absorb_richer(same.memory, prepared, reason=reason)
        return Outcome(result=Result.MERGED_INTO, memory_id=same.memory.pk, reason=reason)
    absorb(same.memory, prepared, reason=reason)
    return Outcome(result=Result.DUPLICATE_OF, memory_id=same.memory.pk, reason=reason)


def _store(prepared: Prepared, decision: Decision) -> Outcome:
    standing = standing_of(prepared, decision)
    memory = create(prepared, standing)
    if memory is None:
        return _write(prepared, is_known=True)  # stored in between by a writer without the lock: now it is a duplicate
    apply(memory, decision, actor=prepared.draft.actor)
    result = RESULTS.get(Status(memory.status), Result.CREATED)
    return Outcome(result=result, memory_id=memory.pk, reason=memory.status_reason or decision.effect)


RESULTS = {Status.QUARANTINED: Result.QUARANTINED, Status.PENDING_REVIEW: Result.PENDING_REVIEW}


def standing_of(prepared: Prepared, decision: Decision) -> Standing:
    """The status a text deserves, and why."""
    if prepared.doubts:
        return Standing(status=Status.QUARANTINED, reason="; ".join(prepared.doubts))
    if decision.doubt:
        return Standing(status=Status.PENDING_REVIEW, reason=decision.doubt)
    if prepared.draft.confidence < UNSURE:
        return Standing(status=Status.PENDING_REVIEW, reason="low confidence")
    return Standing()


def apply(memory: Memory, decision: Decision, *, actor: str) -> None:
    """Retire what gives way; while the new one waits for a person, only draw the edges they will compare by."""
    waits = memory.status != Status.ACTIVE
    for one in (*decision.unsure, *(decision.supersedes if waits else ())):
        judged = one.judgement
        connect(memory, judged.kind, one.memory, confidence=judged.confidence, reason=judged.reason)
    if waits:
        return
    for one in decision.supersedes:
        judged = one.judgement
        supersede(one.memory, memory, judged.kind, confidence=judged.confidence, reason=judged.reason, actor=actor)
    for one in decision.outdated_by[:1]:
        judged = one.judgement
        reason = f"{OUTDATED}: {judged.reason}"
        supersede(memory, one.memory, judged.kind, confidence=judged.confidence, reason=reason, actor=actor)
