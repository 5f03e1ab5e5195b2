"""Step 3: the same words were stored before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q, QuerySet

from memories.choices import Source, Status
from memories.models import Memory
from memories.models.memory import LIVE
from memories.refinement.draft import Prepared
from memories.store.review import REJECTED

HASH_BYTES = 32


def content_hash(redacted: str) -> bytes:
    """SHA-256 of the redacted text with its white space collapsed, in lower case (SPEC section 5)."""
    return hashlib.sha256(" ".join(redacted.split()).lower().encode()).digest()


def find(prepared: Prepared) -> Memory | None:
    """The live memory of the same agent and end user with the same words."""
    return _same_words(prepared).filter(LIVE).select_for_update(no_key=True).first()


Words = tuple[UUID, str, bytes]
"""Whose they are and what they say: agent, end user, content hash."""


def words_of(prepared: Prepared) -> Words:
    """What a draft has in common with those of the same words."""
    return prepared.draft.agent_id, prepared.draft.end_user, bytes(prepared.content_hash)


def known_words(batch: Sequence[Prepared]) -> set[Words]:
    """Which words of one organization's drafts are or were there, in whatever state; takes no lock. Most are not, and
    that is all there is to ask, in one statement for all of them.
    """
    wanted = [prepared for prepared in batch if prepared.content_hash]
    if not wanted:
        return set()
    rows = Memory.objects.of(wanted[0].draft.org_id).filter(
        agent_id__in={prepared.draft.agent_id for prepared in wanted},
        content_hash__in={prepared.content_hash for prepared in wanted},
    )
    return {
        (agent, user, bytes(told)) for agent, user, told in rows.values_list("agent_id", "end_user", "content_hash")
    }


def counts_for_another(prepared: Prepared) -> bool:
    """Whether the same words belong to a live memory, or to one that another speaks for; takes no lock."""
    merged = Q(status=Status.MERGED, deleted_at__isnull=True)
    return _same_words(prepared).filter(LIVE | merged).exists()


def find_merged(prepared: Prepared) -> Memory | None:
    """A memory with the same words for which another one speaks since they were merged."""
    merged = _same_words(prepared).filter(status=Status.MERGED, deleted_at__isnull=True, merged_into__isnull=False)
    return merged.select_related("merged_into").order_by("-created_at").first()


def find_outdated(prepared: Prepared) -> Memory | None:
    """A memory with the same words that gave way to a newer one, where the draft says them no later than it did: the
    same turn read once more brings nothing back. Whoever says them again afterwards may mean it.
    """
    gone = _same_words(prepared).filter(status=Status.SUPERSEDED, deleted_at__isnull=True)
    return gone.filter(observed_at__gte=prepared.draft.observed_at).order_by("-observed_at").first()


def was_refused(prepared: Prepared) -> str:
    """Why extraction may not learn these words again: a person deleted or rejected them. Empty when it may.

    A person or a program that writes them by hand knows better.
    """
    if prepared.draft.source != Source.EXTRACTED:
        return ""
    gone = _same_words(prepared).exclude(LIVE)
    if gone.filter(deleted_at__isnull=False).exists():
        return "deleted"
    return "rejected before" if gone.filter(status=Status.ARCHIVED, status_reason__startswith=REJECTED).exists() else ""


def _same_words(prepared: Prepared) -> QuerySet[Memory]:
    draft = prepared.draft
    return Memory.objects.of(draft.org_id).filter(
        agent_id=draft.agent_id, end_user=draft.end_user, content_hash=prepared.content_hash
    )
