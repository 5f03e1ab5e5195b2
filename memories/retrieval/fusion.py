"""From what the arms found to one order: convex fusion of absolute evidence, and what stands around it.

Every part is absolute, not relative to the other results, so that one formula gives both the order and a relevance
that means the same for every question. The weights, one setting for all, were found on LoCoMo and BEAM together
(benchmarks/quality_retrieval.py); the features are those that a proxy has: words, vectors, session, neighbours,
speaker, time.

    own      = .45 share of the question's words, by rarity + .55 calibrated cosine
    around   = the same of the turn together with its neighbours
    evidence = own, moved half-way to around where the turn is short; a short turn leans on its neighbours
    score    = evidence + .3 best neighbour (short turns) + .5 best of its session + .1 month asked for
               - .3 when somebody else is asked about, all of it scaled down where there is next to no evidence
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

WORDS = 0.45
COSINE_NOTHING, COSINE_ALL = 0.0, 0.8
"""Cosines of MiniLM that mean "unrelated" and "the same question and answer"."""
PARAPHRASE_FROM, PARAPHRASE_TO = 0.5, 0.9
"""From here to here a cosine alone becomes certainty: a paraphrase may share no word."""
AROUND = 0.5
NEIGHBOUR_SHARE = 0.5
"""Weight of each neighbour's vector in a window (QUALITY section 1)."""
WINDOW_NORMS = np.array([1.0, 1.25, 1.5])
"""Length of v + .5 of each neighbour for 0, 1 and 2 neighbours as alike as turns of one talk are (cosine about .3)."""
LEAN_TOKENS = 140.0
"""A turn of this length leans on its neighbours 1/e as much as an empty one; pasted code not at all."""
NEAR, SESSION, MONTH, SPEAKER = 0.3, 0.5, 0.1, 0.3
LITTLE = 0.15
"""Evidence below it is supported by its context only in proportion: context alone is no answer."""
KNEE = 0.5
"""Scores up to here are relevances; above, they approach 1."""
ADJOINING = 2
"""Places apart at most: user and assistant of one turn, or the same speaker of the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """What the arms returned, column by column. `session` is a small number, -1 for none; `place` orders a session.

    `matched`: rows x terms. `spoken`: 1 where the row may come from whom the question is about. `month`: 1 where it is
    from a time that the question names.
    """

    cosine: Floats
    matched: Bools
    session: Ints
    place: Ints
    tokens: Floats
    spoken: Floats
    month: Floats
    evidence_of: Ints
    """For a memory, the row of the turn it was learned from; -1 where that is not here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """One value a row. `text_rank` and `relevance` are from 0 to 1."""

    text_rank: Floats
    score: Floats
    relevance: Floats


def fuse(rows: Rows, weights: Floats) -> Scores:
    """Score rows for a question whose words weigh `weights` (they sum to 1, or there are none)."""
    count = len(rows.cosine)
    if not count:
        empty = np.zeros(0)
        return Scores(text_rank=empty, score=empty, relevance=empty)
    text_rank = rows.matched @ weights if len(weights) else np.zeros(count)
    own = _mixed(text_rank, rows.cosine, has_words=bool(len(weights)))
    # Among memories alone nothing stands before or after anything.
    evidence, near = _leaning(rows, own, weights) if rows.place.max() >= 0 else (own, np.zeros(count))
    context = NEAR * near + SESSION * _best_of_session(own, rows.session) + MONTH * rows.month
    context -= SPEAKER * (1.0 - rows.spoken)
    score = np.maximum(0.0, evidence + np.minimum(1.0, evidence / LITTLE) * context)
    return Scores(text_rank=text_rank, score=score, relevance=calibrated(score))


def places(values: Floats, there: Bools) -> list[int | None]:
    """Of each row that an arm brought up, its place in it, from 1: how many have a greater value, and one."""
    falling = np.sort(-values[there])
    found = np.searchsorted(falling, -values, side="left") + 1
    return [place if is_there else None for place, is_there in zip(found.tolist(), there.tolist(), strict=True)]


def calibrated(score: Floats) -> Floats:
    """0 stays 0, a good score stays what it is, and nothing passes 1."""
    return np.where(score <= KNEE, score, 1.0 - (1.0 - KNEE) * np.exp(-(score - KNEE) / (1.0 - KNEE)))


def _mixed(text_rank: Floats, cosine: Floats, *, has_words: bool) -> Floats:
    close = _share(cosine, COSINE_NOTHING, COSINE_ALL)
    share = WORDS if has_words else 0.0
    paraphrase = _share(cosine, PARAPHRASE_FROM, PARAPHRASE_TO)
    return np.maximum(share * text_rank + (1.0 - share) * close, paraphrase)


def _share(cosine: Floats, nothing: float, everything: float) -> Floats:
    """How far it is from `nothing` to `everything`, from 0 to 1. numpy's own clip takes five times as long."""
    return np.minimum(1.0, np.maximum(0.0, (cosine - nothing) / (everything - nothing)))


def _leaning(rows: Rows, own: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The evidence of rows that lean on their neighbours, and of their best neighbour or of the turn they are from."""
    before, after = _neighbours(rows.session, rows.place)
    lean = np.exp(-rows.tokens / LEAN_TOKENS)
    evidence = own + AROUND * lean * (_around(rows, weights, before, after) - own)
    near = np.maximum(_at(own, before), _at(own, after))
    return evidence, np.where(rows.evidence_of >= 0, _at(own, rows.evidence_of), near * lean)


def _around(rows: Rows, weights: Floats, before: Ints, after: Ints) -> Floats:
    matched = rows.matched.copy()
    cosine = rows.cosine.copy()
    for side in (before, after):
        there = side >= 0
        matched[there] |= rows.matched[side[there]]
        cosine[there] += NEIGHBOUR_SHARE * rows.cosine[side[there]]
    cosine /= WINDOW_NORMS[(before >= 0).astype(int) + (after >= 0).astype(int)]
    text_rank = matched @ weights if len(weights) else np.zeros(len(cosine))
    return _mixed(text_rank, cosine, has_words=bool(len(weights)))


def _neighbours(session: Ints, place: Ints) -> tuple[Ints, Ints]:
    """For each row, the row just before it and just after it in its session; -1 where there is none."""
    before = np.full(len(session), -1, dtype=np.int64)
    after = before.copy()
    order = np.lexsort((place, session))
    first, second = order[:-1], order[1:]
    apart = place[second] - place[first]
    beside = (session[first] == session[second]) & (session[first] >= 0) & (place[first] >= 0)
    beside &= (apart > 0) & (apart <= ADJOINING)
    before[second[beside]] = first[beside]
    after[first[beside]] = second[beside]
    return before, after


def _best_of_session(own: Floats, session: Ints) -> Floats:
    """The best of each row's session; a row without a session is a session of its own."""
    if session.max() < 0:
        return own
    best = np.zeros(int(session.max()) + 1)
    there = session >= 0
    np.maximum.at(best, session[there], own[there])
    return np.where(there, best[session], own)


def _at(values: Floats, index: Ints) -> Floats:
    """values[index], 0 where the index is -1."""
    return np.where(index >= 0, values[index], 0.0)
