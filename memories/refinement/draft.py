"""What goes into refinement, what it is between the two halves, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np

from memories.embedding import Vector
from memories.refinement.opinions import NO_OPINIONS, Opinions
from memories.slots import Slot


class Result(StrEnum):
    """What refinement did with a draft."""

    CREATED = "created"
    DUPLICATE_OF = "duplicate_of"
    MERGED_INTO = "merged_into"
    QUARANTINED = "quarantined"
    PENDING_REVIEW = "pending_review"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A candidate for a memory, from whichever surface it comes. `actor` is as in `MemoryVersion.actor`."""

    org_id: UUID
    agent_id: UUID
    end_user: str = ""
    content: str
    category: str
    labels: tuple[tuple[str, float], ...] = ()
    tags: tuple[str, ...] = ()
    source: str
    confidence: float = 1.0
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    observed_at: datetime
    expires_at: datetime | None = None
    subject: str = ""
    attribute: str = ""
    is_pinned: bool = False
    session_id: UUID | None = None
    checkpoint_id: UUID | None = None
    evidence: str = ""
    extractor: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    actor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A draft after steps 1, 2 and 4: redacted, hashed and embedded. Nothing about it needs a model any more.

    `opinions`: what a model said of it and its neighbours, where the agent asks one.
    `refused`: why it can never be stored; `doubts`: why a person must look at it first.
    """

    draft: Draft
    content_hash: bytes = b""
    embedding: Vector = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    slot: Slot = field(default_factory=Slot)
    """Where the vector is stored, and with whose vectors it may be compared."""
    tokens: int = 0
    doubts: tuple[str, ...] = ()
    opinions: Opinions = NO_OPINIONS
    refused: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What happened: `memory_id` is the new memory, or the one that a duplicate was counted for."""

    result: Result
    memory_id: UUID | None = None
    reason: str = ""
