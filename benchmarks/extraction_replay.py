"""How much of what is stored, and of what is recalled, says again what is there already: LoCoMo, session by session.

Each speaker of a conversation is a user of an agent of their own; extraction and all nine steps of refinement run as in
the product. Beside it stands the naive store: every first-person sentence, identical ones once. Then everything is
said a second time, and should add nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.extraction_sets import locomo_turns, naive
from memories.embedding import embed_texts
from memories.extraction import Candidate, LocalExtractor, Turn
from memories.extraction.grounding import content_stems
from memories.extraction.salience import overlap
from memories.refinement.guards import difference

if TYPE_CHECKING:
    from agents.models import Agent

SAME = (
    0.92  # cosine from which two memories are near-duplicates (SPEC section 5), where no number, name or "not" differs
)
ALIKE, ALIKE_WORDS = 0.85, 0.60  # cosine, or share of content words, from which a recalled memory restates one above it
RECALLED = 10  # memories a question recalls, by cosine alone, in both stores alike


@dataclass
class Store:
    """What one system has stored of all conversations, and what comes up again."""

    candidates: int = 0
    stored: int = 0
    duplicates: int = 0
    recalled: int = 0
    restated: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    added_by_repeating: int = 0

    def add(self, candidates: int, texts: Sequence[str], questions: Sequence[str]) -> None:
        """Count one conversation: its stored `texts`, and the answers that they give to its questions."""
        vectors, words = embed_texts(texts), [content_stems(text) for text in texts]
        near = vectors @ vectors.T
        self.candidates += candidates
        self.stored += len(texts)
        self.duplicates += sum(
            any(near[at, other] >= SAME and difference(texts[other], texts[at]) is None for other in range(at))
            for at in range(len(texts))
        )
        for row in embed_texts(questions) @ vectors.T:
            first = np.argsort(-row)[:RECALLED].tolist()
            self.recalled += len(first)
            self.restated += sum(
                any(near[at, o] >= ALIKE or overlap(words[at], words[o]) >= ALIKE_WORDS for o in first[:rank])
                for rank, at in enumerate(first)
            )

    @property
    def left(self) -> float:
        """Share of the stored memories that say again what an earlier one says."""
        return self.duplicates / max(1, self.stored)

    @property
    def again(self) -> float:
        """Share of the recalled memories that are much like one recalled above them."""
        return self.restated / max(1, self.recalled)


def replay(conversations: Sequence[dict[str, Any]]) -> tuple[Store, Store]:
    """(naive, refined), inside `own_vault()`."""
    plain, refined = Store(), Store()
    for conversation in conversations:
        questions = [question["question"] for question in conversation["questions"]]
        texts = dict.fromkeys(text for name, turns in _talks(conversation) for text, _ in naive(turns, name))
        told = sum(len(naive(turns, name)) for name, turns in _talks(conversation))
        plain.add(told, list(texts), questions)
        refined.add(*_refined(conversation, refined), questions)
    return plain, refined


def _talks(conversation: dict[str, Any]) -> Iterator[tuple[str, list[Turn]]]:
    for name in conversation["speakers"]:
        for session in conversation["sessions"]:
            yield name, locomo_turns(session, name)


def _refined(conversation: dict[str, Any], store: Store) -> tuple[int, list[str]]:
    """How many candidates there were, and the active memories of both speakers' agents."""
    from benchmarks.vault import make_agent
    from memories.refinement.pipeline import refine_all

    agents, extractor = {name: make_agent(name.lower()) for name in conversation["speakers"]}, LocalExtractor()
    said = [
        [_draft(agents[name], candidate, turns) for candidate in extractor.extract(turns)]
        for name, turns in _talks(conversation)
    ]
    for drafts in said:
        store.outcomes.update(outcome.result.value for outcome in refine_all(drafts))
    kept = _active(agents.values())
    for drafts in said:
        refine_all(drafts)
    store.added_by_repeating += len(_active(agents.values())) - len(kept)
    return sum(len(drafts) for drafts in said), kept


def _active(agents: Iterable[Agent]) -> list[str]:
    from ibex.core.tenancy import scope
    from memories.models import Memory

    kept: list[str] = []
    for agent in agents:
        with scope(agent.org_id):
            active = Memory.objects.of(agent.org_id).filter(status="active").order_by("created_at")
            kept += active.values_list("content", flat=True)
    return kept


def _draft(agent: Agent, candidate: Candidate, turns: Sequence[Turn]) -> Any:
    from memories.choices import Source
    from memories.refinement.draft import Draft

    return Draft(
        org_id=agent.org_id,
        agent_id=agent.pk,
        content=candidate.content,
        category=candidate.category,
        source=Source.EXTRACTED,
        confidence=candidate.confidence,
        valid_from=candidate.valid_from,
        valid_until=candidate.valid_until,
        observed_at=turns[candidate.turn - 1].said_at,
        subject=candidate.subject,
        attribute=candidate.attribute,
        evidence=candidate.evidence,
        actor="extraction",
    )
