"""Several memories that say the same become one, and can be told apart again.

What is merged away stays in the vault as a row of its own, with its own words, evidence and versions: `merged`, and
pointing to the memory that speaks for it (`merged_into`). So a merge is undone by taking that row back, whether it was
a memory before or only a draft; and its words, said again, count for the one that speaks for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ibex.core.errors import Conflict
from memories.choices import Operation, Relation, Status
from memories.models import Memory, MemoryVersion, Relationship
from memories.models.memory import LIVE
from memories.refinement.draft import Prepared
from memories.slots import NO_VECTORS
from memories.store.edges import connect
from memories.store.record import REASON_MAX, hold, record
from memories.store.write import Standing, new, prove, said_in, write_text

BY_HAND = "merged by hand"
UNDONE = "the merge was undone"
SAYS_ANOTHER_THING = "the memory it was merged into says something else now"
_MERGEABLE = (Status.ACTIVE, Status.PENDING_REVIEW)
_OWN_FIELDS = (
    "org_id", "agent_id", "end_user", "content", "content_hash", "category", "labels", "tags", "source", "confidence",
    "is_pinned", "subject", "attribute", "proof_count", "tokens", "valid_from", "valid_until", "observed_at",
    "expires_at", "session_id", "checkpoint_id", "evidence", "extractor", "metadata", *NO_VECTORS,
)  # fmt: skip


def merge(keep: Memory, gone: Memory, *, actor: str, reason: str = BY_HAND) -> None:
    """`keep` speaks for `gone` from now on: the proofs of both add up, its text and all else stay as they are.

    Raises Conflict when they are one, belong to different agents or end users, or one of them is neither active nor
    pending; and when an active one would disappear behind one that waits for review.
    """
    for memory in sorted((keep, gone), key=lambda memory: memory.pk):
        hold(memory)
    _check(keep, gone)
    keep.proof_count += gone.proof_count
    keep.observed_at = max(keep.observed_at, gone.observed_at)
    record(keep, Operation.MERGED, actor=actor, reason=f"{reason} (with {gone.pk})")
    gone.merged_into = keep
    gone.status, gone.status_reason = Status.MERGED, reason[:REASON_MAX]
    record(gone, Operation.MERGED, actor=actor, reason=f"{reason} (into {keep.pk})")
    connect(gone, Relation.SUPPORTS, keep, reason=reason)


def unmerge(gone: Memory, *, actor: str) -> None:
    """Undo a merge: what was merged away is a memory of its own again, as it stood, and takes its proofs with it.

    Raises Conflict when it is not merged, or when another memory has its words by now.
    """
    hold(gone)
    if gone.status != Status.MERGED or gone.deleted_at is not None:
        raise Conflict("This memory is not merged with another one.")
    if _has_twin(gone):
        raise Conflict("Another memory has the same words by now.")
    status = _status_before(gone)
    release(gone, actor=actor)
    gone.status, gone.status_reason = status, ""
    record(gone, Operation.RESTORED, actor=actor, reason=UNDONE)


def release(gone: Memory, *, actor: str) -> None:
    """Take the proofs of `gone` from those that speak for it, and end that. `gone` itself is the caller's to record."""
    for keeper in _keepers(gone):
        keeper.proof_count = max(1, keeper.proof_count - gone.proof_count)
        record(keeper, Operation.UPDATED, actor=actor, reason=f"{UNDONE} (with {gone.pk})")
    Relationship.objects.of(gone.org_id).filter(
        source=gone, target_id=gone.merged_into_id, kind=Relation.SUPPORTS
    ).delete()
    gone.merged_into = None


def absorb(keep: Memory, prepared: Prepared, *, reason: str) -> None:
    """A draft says what `keep` says, in words that are no better: one proof more, and its words are kept beside."""
    draft = prepared.draft
    prove(keep, draft)
    record(keep, Operation.BUMPED, actor=draft.actor, reason=said_in(draft) or reason)
    _set_beside(keep, new(prepared, Standing(status=Status.MERGED, reason=reason)), actor=draft.actor)


def absorb_richer(keep: Memory, prepared: Prepared, *, reason: str) -> None:
    """A draft says it better: its text takes the place of the other, which is kept beside with its proofs."""
    draft = prepared.draft
    poorer = Memory(**{name: getattr(keep, name) for name in _OWN_FIELDS}, status_reason=reason[:REASON_MAX])
    poorer.status = Status.MERGED
    prove(keep, draft)
    write_text(keep, prepared)
    keep.evidence = draft.evidence or keep.evidence
    keep.session_id = draft.session_id or keep.session_id
    keep.checkpoint_id = draft.checkpoint_id or keep.checkpoint_id
    record(keep, Operation.MERGED, actor=draft.actor, reason=said_in(draft) or "the richer text")
    _set_beside(keep, poorer, actor=draft.actor)


def bump_through(gone: Memory, prepared: Prepared) -> Memory | None:
    """The words of a merged memory were said again: one proof more for it and for those that speak for it.

    Returns the one that does so now; None when that one is no longer live, and so nothing was counted.
    """
    keepers = list(_keepers(gone))
    if not keepers or not _is_live(keepers[-1]):
        return None
    for memory in (gone, *keepers):
        prove(memory, prepared.draft)
        record(memory, Operation.BUMPED, actor=prepared.draft.actor, reason=said_in(prepared.draft))
    return keepers[-1]


def retire_merged(keep: Memory, *, actor: str) -> None:
    """`keep` says something else now: what was merged into it is no proof of that, and is superseded by it."""
    for gone in keep.merged.filter(deleted_at__isnull=True):
        keep.proof_count = max(1, keep.proof_count - gone.proof_count)
        gone.merged_into = None
        gone.status, gone.status_reason = Status.SUPERSEDED, SAYS_ANOTHER_THING
        record(gone, Operation.SUPERSEDED, actor=actor, reason=f"{SAYS_ANOTHER_THING} ({keep.pk})")
        connect(keep, Relation.SUPERSEDES, gone, reason=SAYS_ANOTHER_THING)


def _set_beside(keep: Memory, gone: Memory, *, actor: str) -> None:
    gone.merged_into = keep
    record(gone, Operation.MERGED, actor=actor, reason=f"{gone.status_reason} (into {keep.pk})")
    connect(gone, Relation.SUPPORTS, keep, reason=gone.status_reason)


def _check(keep: Memory, gone: Memory) -> None:
    if keep.pk == gone.pk:
        raise Conflict("A memory cannot be merged with itself.")
    if (keep.agent_id, keep.end_user) != (gone.agent_id, gone.end_user):
        raise Conflict("Memories of different agents or end users are never merged.")
    for memory in (keep, gone):
        if memory.status not in _MERGEABLE or memory.deleted_at is not None:
            raise Conflict("Only memories that are active or pending can be merged.")
    if gone.status == Status.ACTIVE and keep.status != Status.ACTIVE:
        raise Conflict("The memory to keep waits for review: decide about it first.")


def _keepers(gone: Memory) -> Iterator[Memory]:
    """Who speaks for it, and who speaks for that one, to the last."""
    following = gone.merged_into
    while following is not None:
        yield following
        following = following.merged_into


def _status_before(gone: Memory) -> Status:
    """As its own history has it; one that was only a draft waits where the memory that took it in does."""
    versions = MemoryVersion.objects.of(gone.org_id).filter(memory=gone).exclude(snapshot__status=Status.MERGED)
    if last := versions.order_by("-number").first():
        return Status(last.snapshot["status"])
    keeper = gone.merged_into
    if keeper is not None and keeper.status in (Status.QUARANTINED, Status.PENDING_REVIEW):
        return Status(keeper.status)
    return Status.ACTIVE


def _has_twin(gone: Memory) -> bool:
    same = Memory.objects.of(gone.org_id).filter(
        agent_id=gone.agent_id, end_user=gone.end_user, content_hash=gone.content_hash
    )
    return same.filter(LIVE).exists()


def _is_live(memory: Memory) -> bool:
    return memory.deleted_at is None and memory.status in (Status.ACTIVE, Status.QUARANTINED, Status.PENDING_REVIEW)
