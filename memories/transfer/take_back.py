"""Taking back what an import did to one memory, as far as nobody has built on it since.

Which of a memory's versions are the import's says all that was done to it: one that came with it is deleted; one that
was there before loses the proofs it was given, and gets its own words back where better ones had taken their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from ibex.core.errors import Conflict, NotFound
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Operation, Status
from memories.models import Memory, MemoryVersion, Relationship
from memories.refinement import revision
from memories.store.merging import release

DELETED = "deleted"
REVERSED = "proofs taken back"
RESTORED = "earlier words restored"
ALREADY = "gone before"
CHANGED = "left: changed since by a person or a program"
SAID_AGAIN = "left: said again since"
REASON = "the import was undone"
NOBODYS_HASH = b""
"""No text has it: what an undone import brought was refused by nobody, and may be learned again."""

_BY_HAND = ("operator:", "token:")
_SAID = frozenset({Operation.BUMPED, Operation.MERGED})
Ours = Callable[[Memory, MemoryVersion], bool]
"""Whether a version is the import's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undoing:
    """Who takes back, and what: `actor` is written into versions."""

    org_id: UUID
    actor: str
    ours: Ours


@dataclass(frozen=True, kw_only=True, slots=True)
class Came:
    """What taking back one memory came to. `to_restore`: memories and their versions that are to be as they were: they
    are embedded anew, outside of any transaction.
    """

    outcome: str
    to_restore: Sequence[tuple[UUID, int]] = field(default_factory=tuple)


def take_back(undoing: Undoing, memory_id: UUID) -> str:
    """Take back what the import did to a memory; what it came to. Opens its own transactions; twice is as once."""
    with scope(undoing.org_id):
        memory = Memory.objects.of(undoing.org_id).filter(pk=memory_id).first()
        if memory is None:
            return ALREADY
        store.hold(memory)
        came = _take_back(undoing, memory)
    for restored_id, number in came.to_restore:
        with suppress(Conflict, NotFound):  # somebody has decided otherwise meanwhile
            revision.restore(undoing.org_id, restored_id, number, actor=undoing.actor)
    return came.outcome


def _take_back(undoing: Undoing, memory: Memory) -> Came:
    versions = list(memory.versions.order_by("number"))
    if undoing.ours(memory, versions[0]):
        return _remove(undoing, memory, versions)
    return _reverse(undoing, memory, versions)


def _remove(undoing: Undoing, memory: Memory, versions: Sequence[MemoryVersion]) -> Came:
    """It came with the import."""
    if memory.deleted_at is not None:
        mine = versions[-1].actor == undoing.actor
        return Came(outcome=DELETED if mine else ALREADY, to_restore=_retired(memory) if mine else ())
    if left := _why_left(undoing, memory, versions):
        return Came(outcome=left)
    for gone in memory.merged.filter(deleted_at__isnull=True):
        first = gone.versions.order_by("number").first()
        if first is not None and not undoing.ours(gone, first):
            try:
                store.unmerge(gone, actor=undoing.actor)
            except Conflict:
                return Came(outcome=SAID_AGAIN)
    if memory.merged_into_id is not None:
        release(memory, actor=undoing.actor)
    _delete(undoing, memory)
    return Came(outcome=DELETED, to_restore=_retired(memory))


def _why_left(undoing: Undoing, memory: Memory, versions: Sequence[MemoryVersion]) -> str:
    others = [version for version in versions if not undoing.ours(memory, version)]
    if any(version.actor.startswith(_BY_HAND) for version in others):
        return CHANGED
    own_words = {version.snapshot["content"] for version in versions if undoing.ours(memory, version)}
    if memory.content not in own_words or any(version.operation == Operation.BUMPED for version in others):
        return SAID_AGAIN
    return ""


def _delete(undoing: Undoing, memory: Memory) -> None:
    """With what the import had merged into it. Only live rows must have a hash of their own."""
    merged = [gone.pk for gone in memory.merged.filter(deleted_at__isnull=True)]
    store.delete(memory, actor=undoing.actor, reason=REASON)
    Memory.objects.of(undoing.org_id).filter(pk__in=[memory.pk, *merged]).update(content_hash=NOBODYS_HASH)


def _retired(memory: Memory) -> tuple[tuple[UUID, int], ...]:
    """What gave way to a memory of the import, and nobody has touched since: each with its version before that."""
    edges = Relationship.objects.of(memory.org_id).filter(
        source=memory, target__status=Status.SUPERSEDED, target__deleted_at=None
    )
    found = []
    for older in Memory.objects.of(memory.org_id).filter(pk__in=edges.values("target_id")):
        last = older.versions.order_by("-number").first()
        if last is not None and last.operation == Operation.SUPERSEDED and str(memory.pk) in last.reason:
            found.append((older.pk, last.number - 1))
    return tuple(found)


def _reverse(undoing: Undoing, memory: Memory, versions: Sequence[MemoryVersion]) -> Came:
    """It was there before: the import's words beside it go, and what they had proved."""
    said = [version for version in versions if undoing.ours(memory, version) and version.operation in _SAID]
    if memory.deleted_at is not None or not said:
        return Came(outcome=ALREADY)
    if any(version.actor.startswith(_BY_HAND) and version.number > said[0].number for version in versions):
        return Came(outcome=CHANGED)
    own = next(version for version in versions if version.number == said[0].number - 1)
    words, status = own.snapshot["content"], own.snapshot["status"]
    returns = memory.content == said[-1].snapshot["content"] != words and memory.status == status
    if not any(version.actor == undoing.actor for version in versions):
        for gone in _beside(undoing, memory, words if returns else None):
            _delete(undoing, gone)
        _take_proofs(memory, said, own)
        store.record(memory, Operation.UPDATED, actor=undoing.actor, reason=REASON)
    if returns:
        return Came(outcome=RESTORED, to_restore=((memory.pk, own.number),))
    return Came(outcome=REVERSED)


def _take_proofs(memory: Memory, said: Sequence[MemoryVersion], own: MemoryVersion) -> None:
    """Not saved yet. What raised or lowered its confidence since, counts."""
    memory.proof_count = max(1, memory.proof_count - len(said))
    if memory.confidence == said[-1].snapshot["confidence"]:
        memory.confidence = own.snapshot["confidence"]


def _beside(undoing: Undoing, memory: Memory, words: str | None) -> list[Memory]:
    """What stands beside it because of the import: drafts that said the same, and its own words, where they return."""
    gone = []
    for beside in memory.merged.filter(deleted_at__isnull=True):
        first = beside.versions.order_by("number").first()
        if first is not None and (undoing.ours(beside, first) or beside.content == words):
            gone.append(beside)
    return gone
