"""What search is asked, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from memories.choices import Status
from memories.embedding import Vector

PROMPT_EXCERPT_TOKENS = 400
"""A longer excerpt is found by people, and never put into a prompt: 19 of 20 turns that users type are shorter, and
what is pasted would take a fifth of the usual budget."""


class Arm(StrEnum):
    """Which arm of the search brought something up."""

    VECTOR = "vector"
    WORDS = "words"
    BOTH = "both"
    CONTEXT = "context"
    """Neither: it stands beside what one of them found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One question to what an agent knows.

    `agent_id` None: all agents of the organization. `end_user`: memories of the whole agent and of this person; None:
    of everybody, which is for operators only. `embedding`: only when the caller made it from
    `perspective.first_person(text)` with the model that serves (`memories.slots`); search makes it otherwise.
    `roles`: of excerpts, whose words are searched.
    """

    org_id: UUID
    agent_id: UUID | None
    end_user: str | None = ""
    text: str
    embedding: Vector | None = None
    limit: int = 50
    categories: tuple[str, ...] = ()
    statuses: tuple[str, ...] = (Status.ACTIVE.value,)
    include_outdated: bool = False
    """Also what was true only until some time before now: for people who look, not for prompts."""
    include_memories: bool = True
    include_excerpts: bool = False
    roles: tuple[str, ...] = ()
    excerpt_tokens: int | None = None
    """Excerpts that are longer are passed over."""
    is_exact: bool = False
    """Also where an index would answer sooner: what the index misses is measured against it."""
    cuts: tuple[str, ...] | None = None
    """What the desk said: a copy of the agent's memories that was made since may answer (`memories.retrieval.held`)."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is searched, of: memory, excerpt."""
        return ("memory",) * self.include_memories + ("excerpt",) * self.include_excerpts

    @property
    def is_for_a_prompt(self) -> bool:
        """Nothing is asked but one kind of what one agent's prompt may hold."""
        narrowed = self.categories or self.roles or self.statuses != (Status.ACTIVE.value,)
        bounded = self.include_memories or self.excerpt_tokens == PROMPT_EXCERPT_TOKENS
        return len(self.kinds) == 1 and bounded and not (self.include_outdated or narrowed)


class Found(NamedTuple):
    """A memory or an excerpt with what speaks for it. Times are seconds since 1970. A tuple: each call makes fifty.

    `cosine` is that of the vectors, `text_rank` the share of the question's words (by their rarity) that it has,
    `relevance` the fused evidence, calibrated from 0 (unrelated) to 1 (the answer in other words).
    """

    is_excerpt: bool
    id: UUID
    agent_id: UUID
    end_user: str
    content: str
    category: str
    source: str
    status: str
    confidence: float
    usefulness: float
    injections: int
    observed_at: float
    valid_from: float | None
    tokens: int
    version: int
    is_pinned: bool
    session_id: UUID | None
    checkpoint_id: UUID | None
    turn: int | None
    role: str
    speaker: str
    by_operator: bool
    """An operator wrote it by hand."""
    cosine: float
    text_rank: float
    relevance: float
    score: float
    """What the order is made of: `relevance` before it is pressed into 0 to 1."""
    arm: Arm
    vector_rank: int | None = None
    word_rank: int | None = None
    """Its place in each arm that brought it up, from 1; equal ones share the better place."""

    @classmethod
    def of(cls, row: Sequence[Any], **scores: Any) -> Self:
        """From the columns of `memories.retrieval.statements.CONTENTS`, in their order, and the scores."""
        return cls(scores.pop("kind") == "excerpt", *row, **scores)

    @property
    def kind(self) -> str:
        """What it is, of: memory, excerpt."""
        return "excerpt" if self.is_excerpt else "memory"

    def as_dict(self) -> dict[str, Any]:
        """The scores, for a receipt or an answer."""
        return {
            "relevance": round(self.relevance, 4),
            "cosine": round(self.cosine, 4),
            "text_rank": round(self.text_rank, 4),
            "arm": self.arm.value,
        }
