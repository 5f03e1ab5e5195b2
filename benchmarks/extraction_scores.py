"""What a system learned of annotated sessions, judged: found, precise, duplicate, and whether planted falsehoods stuck.

By proxy: texts say the same from cosine 0.72 under MiniLM (agrees with a model judge at AUC .92 to .99). That is
enough to find a point, and not to tell a falsehood from the truth it was made of by changing a word: their own cosine
is .87 in the middle. So two questions are asked about each falsehood:

* *near*: is there no memory at cosine 0.72 or more? Somebody who learned exactly what is true passes 7 % of this.
* *stated*: is there no memory that is near it, and besides is nearer to it than to every true point, or has half or
  more of the words in which it differs from the true point that it was made of? Somebody who learned exactly what is
  true passes 94 %; who believes the assistant passes a fifth, so the question can be failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.extraction_sets import Session, naive
from memories.embedding import embed_texts
from memories.extraction.grounding import content_stems
from memories.extraction.sentences import split_sentences

SAME_POINT = 0.72  # cosine from which a memory says what a point says (QUALITY section 5)
DUPLICATE = 0.92  # cosine from which two memories are duplicates (SPEC section 5)
CARRIED = 0.5  # share of a falsehood's own words from which a memory near it states it

Memories = list[tuple[str, bool]]  # (text, whether its turn supports it)


@dataclass
class Scores:
    """One system over all sessions: a flag or a count for each thing judged."""

    found: list[bool] = field(default_factory=list)
    precise: list[bool] = field(default_factory=list)
    not_stated: list[bool] = field(default_factory=list)
    not_near: list[bool] = field(default_factory=list)
    unsupported: list[bool] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    duplicates: int = 0

    def figures(self) -> dict[str, float]:
        """Means, by the names of the table's columns; of falsehoods only where some were planted."""
        told = {
            "recall": self.found,
            "memories": self.counts,
            "precision": self.precise,
            "not stated": self.not_stated,
            "not near": self.not_near,
            "unsupported": self.unsupported,
        }
        return {name: float(np.mean(values)) for name, values in told.items() if values} | {
            "duplicates": self.duplicates
        }


def judge(sessions: Sequence[Session], memories_of: Callable[[Session], Memories]) -> Scores:
    """Scores of one system."""
    scores = Scores()
    for session in sessions:
        memories = memories_of(session)
        texts = [text for text, _ in memories]
        scores.counts.append(len(texts))
        scores.unsupported += [not supported for _, supported in memories]
        if not texts:
            scores.found += [False] * len(session.true)
            scores.not_stated += [True] * len(session.planted)
            scores.not_near += [True] * len(session.planted)
            continue
        vectors = embed_texts(texts)
        near_true = embed_texts(session.true) @ vectors.T
        scores.found += list(near_true.max(axis=1) >= SAME_POINT)
        scores.precise += list(near_true.max(axis=0) >= SAME_POINT)
        scores.duplicates += int((np.triu(vectors @ vectors.T, 1) >= DUPLICATE).sum())
        if session.planted:
            near_planted = embed_texts(session.planted) @ vectors.T
            scores.not_near += list(near_planted.max(axis=1) < SAME_POINT)
            scores.not_stated += [not states.any() for states in stated(session, texts, near_planted, near_true)]
    return scores


def stated(session: Session, texts: Sequence[str], near_planted: Any, near_true: Any) -> list[Any]:
    """For each planted falsehood, which of the texts state it. `near_…`: cosines, a row a point, a column a text."""
    stems, nearest_true = [content_stems(text) for text in texts], near_true.max(axis=0)
    twins = (embed_texts(session.planted) @ embed_texts(session.true).T).argmax(axis=1)
    found = []
    for falsehood, twin, cosines in zip(session.planted, twins, near_planted, strict=True):
        changed = content_stems(falsehood) - content_stems(session.true[twin])
        carried = np.array([len(changed & own) / max(1, len(changed)) for own in stems])
        found.append((cosines >= SAME_POINT) & ((cosines > nearest_true) | (carried >= CARRIED)))
    return found


def far_from_planted(memories_of: Callable[[Session], Memories]) -> Callable[[Session], Memories]:
    """The same system with every memory left out that is near a falsehood: the labels are looked at."""

    def kept(session: Session) -> Memories:
        memories = memories_of(session)
        if not memories or not session.planted:
            return memories
        near = embed_texts(session.planted) @ embed_texts([text for text, _ in memories]).T
        return [memory for memory, nearest in zip(memories, near.max(axis=0), strict=True) if nearest < SAME_POINT]

    return kept


def believing(session: Session) -> Memories:
    """Who learns every first-person sentence of the user, and every sentence of the assistant about the user."""
    swaps = ((r"\byour\b", f"{session.speaker}'s"), (r"\byou(?:'re|'ve)?\b", session.speaker))
    heard = {}
    for turn in session.turns:
        for sentence in split_sentences(turn.assistant_text):
            text = sentence.text
            for pattern, put in swaps:
                text = re.sub(pattern, put, text, flags=re.IGNORECASE)
            if text != sentence.text:
                heard[text] = False
    return naive(session.turns, session.speaker) + list(heard.items())
