"""The search of `memories.retrieval.search` over a held copy: the same arms, the same fusion, the same order."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from memories.retrieval.asked import whose_words
from memories.retrieval.fusion import Floats, Rows, fuse, places
from memories.retrieval.held import ROLE_AND_SPEAKER, Held
from memories.retrieval.query import Arm, Found, Query
from memories.retrieval.statements import ARM_ROWS
from memories.retrieval.time_of import named_times
from memories.retrieval.words import Terms, weigh

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_NOWHERE: Ints = np.zeros(0, dtype=np.int64)
_ARMS = {
    (True, True): Arm.BOTH,
    (True, False): Arm.VECTOR,
    (False, True): Arm.WORDS,
    (False, False): Arm.CONTEXT,
}
_BESIDE = (-3, -2, -1, 1, 2, 3)
"""Rows from one of an excerpt's to those of the turns before and after it: each has two at most."""


def search_held(held: Held, query: Query, cosine: Floats, lexemes: Sequence[str]) -> list[Found]:
    """The best `query.limit` rows of the copy, best first. `cosine`: of each row, see `Held.cosines`."""
    terms = weigh(lexemes, held.vocabulary)
    current = held.ends > time.time()
    having = [held.postings.get(lexeme, _NOWHERE) for lexeme in terms.lexemes]
    arm_rows = max(ARM_ROWS, query.limit)
    near = _best(np.where(current, cosine, -np.inf), arm_rows)
    searched = np.flatnonzero(current & _searched(held, terms))
    worded = searched[_best(_weighed(held, having, terms)[searched], arm_rows)]
    at = np.union1d(near, worded)
    if held.kind == "excerpt":
        at = _with_neighbours(held, at, current)
    scores = fuse(_rows(held, at, cosine, _matched(held, having, at), query.text), terms.weights)
    is_near, is_worded = np.isin(at, near), np.isin(at, worded)
    vector_ranks, word_ranks = places(cosine[at], is_near), places(scores.text_rank, is_worded)
    order = np.argsort(-scores.score, kind="stable")[: query.limit]
    found = zip(
        order.tolist(),
        at[order].tolist(),
        cosine[at[order]].tolist(),
        scores.text_rank[order].tolist(),
        scores.relevance[order].tolist(),
        scores.score[order].tolist(),
        map(_ARMS.__getitem__, zip(is_near[order].tolist(), is_worded[order].tolist(), strict=True)),
        strict=True,
    )
    return [
        Found._make((held.kind, *held.rows[row], *scored, vector_ranks[place], word_ranks[place]))
        for place, row, *scored in found
    ]


def _matched(held: Held, having: Sequence[Ints], at: Ints) -> Bools:
    """Rows at `at` x words: which row has which of the question's words."""
    matched = np.zeros((len(at), len(having)), dtype=bool)
    for place, rows in enumerate(having):
        matched[:, place] = _any_of(held, [rows])[at]
    return matched


def _weighed(held: Held, having: Sequence[Ints], terms: Terms) -> Floats:
    """Of each row, what its words of the question weigh together."""
    weighed = np.zeros(len(held.rows))
    for rows, weight in zip(having, terms.weights, strict=True):
        weighed[rows] += weight
    return weighed


def _searched(held: Held, terms: Terms) -> Bools:
    """Rows that the words bring up."""

    def having(lexemes: Sequence[str]) -> Bools:
        return _any_of(held, [held.postings.get(lexeme, _NOWHERE) for lexeme in lexemes])

    found = having(terms.alone)
    for first, *others in terms.together:
        found |= having([first]) & having(others)
    return found


def _any_of(held: Held, places: Sequence[Ints]) -> Bools:
    found = np.zeros(len(held.rows), dtype=bool)
    for rows in places:
        found[rows] = True
    return found


def _best(values: Floats, most: int) -> Ints:
    """Places of the greatest values; of equal ones the newest rows. Infinitely small ones are not there at all."""
    among = np.arange(len(values))
    if len(values) > most:  # only those that may be among them are put in order
        least = np.partition(values, len(values) - most)[len(values) - most]
        among = np.flatnonzero(values >= least)
    newest_first = among[::-1]
    order = newest_first[np.argsort(-values[newest_first], kind="stable")[:most]]
    return order[np.isfinite(values[order])]


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
        cosine=cosine[at],
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
