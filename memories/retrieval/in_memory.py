"""The search of `memories.retrieval.search` over a held copy: the same arms, the same fusion, the same order."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from memories.embedding import Vector
from memories.retrieval.asked import whose_words
from memories.retrieval.fusion import Bools, Floats, Ints, Rows, fuse, places
from memories.retrieval.held import ROLE_AND_SPEAKER, Held
from memories.retrieval.query import Arm, Found, Query
from memories.retrieval.statements import ARM_ROWS
from memories.retrieval.time_of import named_times
from memories.retrieval.words import weigh

_ARMS = {
    (True, True): Arm.BOTH,
    (True, False): Arm.VECTOR,
    (False, True): Arm.WORDS,
    (False, False): Arm.CONTEXT,
}
_BESIDE = (-3, -2, -1, 1, 2, 3)
"""Rows from one of an excerpt's to those of the turns before and after it: each has two at most."""


def search_held(held: Held, query: Query, vector: Vector, lexemes: Sequence[str]) -> list[Found]:
    """The best `query.limit` rows of the copy, best first. `vector` is the question's, by the model of the copy."""
    terms = weigh(lexemes, held.postings.vocabulary)
    current = held.ends > time.time()
    arm_rows = max(ARM_ROWS, query.limit)
    near = held.vectors.nearest(vector, current, arm_rows)
    worded, words = held.postings.worded(terms, current, arm_rows)
    is_near, is_worded = _marked(held, near), _marked(held, worded)
    at = np.flatnonzero(is_near | is_worded)
    if held.kind == "excerpt":
        at = _with_neighbours(held, at, current)
    is_near, is_worded = is_near[at], is_worded[at]
    cosine = held.vectors.cosines(vector, at)
    matched = (words[at, None] >> np.arange(len(terms.lexemes)) & 1).astype(bool)
    scores = fuse(_rows(held, at, cosine, matched, query.text), terms.weights)
    vector_ranks, word_ranks = places(cosine, is_near), places(scores.text_rank, is_worded)
    order = np.argsort(-scores.score, kind="stable")[: query.limit]
    scored = zip(
        cosine[order].tolist(),
        scores.text_rank[order].tolist(),
        scores.relevance[order].tolist(),
        scores.score[order].tolist(),
        map(_ARMS.__getitem__, zip(is_near[order].tolist(), is_worded[order].tolist(), strict=True)),
        map(vector_ranks.__getitem__, order.tolist()),
        map(word_ranks.__getitem__, order.tolist()),
        strict=True,
    )
    rows = map(held.rows.__getitem__, at[order].tolist())
    is_excerpt = held.kind == "excerpt"
    return [Found(is_excerpt, *row, *known) for row, known in zip(rows, scored, strict=True)]


def _marked(held: Held, at: Ints) -> Bools:
    """True for the rows at `at`."""
    marked = np.zeros(len(held.rows), dtype=bool)
    marked[at] = True
    return marked


def _with_neighbours(held: Held, at: Ints, current: Bools) -> Ints:
    """The rows at `at`, and those of the turns just before and after them in their sessions."""
    found = [at]
    for step in _BESIDE:
        here = at[(at + step >= 0) & (at + step < len(held.rows))]
        there = here + step
        beside = held.sessions[there] == held.sessions[here]
        beside &= np.abs(held.places[there] // 2 - held.places[here] // 2) <= 1
        found.append(there[beside & current[there]])
    return np.unique(np.concatenate(found))


def _rows(held: Held, at: Ints, cosine: Floats, matched: Bools, text: str) -> Rows:
    times, count = named_times(text), len(at)
    return Rows(
        cosine=cosine,
        matched=matched,
        session=held.sessions[at],
        place=held.places[at],
        tokens=held.tokens[at],
        spoken=_spoken(held, at, text),
        month=np.array([times.matches(held.times[i]) for i in at], dtype=np.float64) if times else np.zeros(count),
        evidence_of=np.full(count, -1, dtype=np.int64),
    )


def _spoken(held: Held, at: Ints, text: str) -> Floats:
    """A memory may be about whom the question is about, whoever said it."""
    if held.kind == "memory":
        return np.ones(len(at))
    asked = whose_words(text, held.speakers)
    return np.array([asked.fits(*held.rows[row][ROLE_AND_SPEAKER]) for row in at.tolist()], dtype=np.float64)
