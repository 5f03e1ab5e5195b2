"""The memories nearest to what turns say: shown to a model, so that it does not add what is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from agents.models import Agent
from ibex.core.tenancy import scope
from memories.choices import Category, Source
from memories.extraction.contract import Known, Turn
from memories.extraction.sentences import MASK, split_sentences
from memories.refinement.draft import Draft, Prepared
from memories.refinement.neighbours import Neighbour, neighbours
from memories.refinement.prepare import embedding_of

SENTENCES_MAX = 12
"""Of one window, the longest: as many searches."""
LEAST_WORDS = 3
"""Of a sentence that says something."""


def nearest(agent: Agent, end_user: str, turns: Sequence[Turn]) -> list[Known]:
    """The end user's memories with a cosine of at least 0.5 to a sentence of `turns`, the nearest first.

    Opens a scope of its own: call it outside any transaction.
    """
    texts = _looked_for(turns)
    if not texts:
        return []
    slot, vectors = embedding_of(texts)
    best: dict[UUID, Neighbour] = {}
    with scope(agent.org_id):
        for text, vector in zip(texts, vectors, strict=True):
            draft = _sought(agent, end_user, text, turns[0].said_at)
            for found in neighbours(Prepared(draft=draft, embedding=vector, slot=slot)):
                known = best.setdefault(found.memory.pk, found)
                if found.score > known.score:
                    best[found.memory.pk] = found
    ranked = sorted(best.values(), key=lambda found: -found.score)
    return [_known(found) for found in ranked]


def _looked_for(turns: Sequence[Turn]) -> list[str]:
    sentences = [
        sentence.text
        for turn in turns
        for sentence in split_sentences(turn.user_text)
        if MASK not in sentence.text and len(sentence.text.split()) >= LEAST_WORDS
    ]
    return sorted(dict.fromkeys(sentences), key=len, reverse=True)[:SENTENCES_MAX]


def _sought(agent: Agent, end_user: str, text: str, moment: datetime) -> Draft:
    return Draft(
        org_id=agent.org_id,
        agent_id=agent.pk,
        end_user=end_user,
        content=text,
        category=Category.FACTUAL,
        source=Source.EXTRACTED,
        observed_at=moment,
        actor="",
    )


def _known(found: Neighbour) -> Known:
    memory = found.memory
    return Known(id=memory.pk, version=memory.version, content=memory.content, said_at=memory.observed_at)
