"""What the sieve of a held copy (memories/retrieval/near.py) leaves of a question's nearest turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.retrieval_sets import Set

NEAREST = 50
"""The search asks for so many."""


def sieve_recall(sets: Sequence[Set], step: int) -> tuple[float, int]:
    """Mean share of a question's NEAREST turns that the sieve of a held copy leaves, and of how many turns."""
    from memories.embedding import embed_texts
    from memories.retrieval.near import Vectors, as_sent, best

    talks = [talk for chosen in sets for talk in chosen.talks]
    turns = list(dict.fromkeys(one.text for talk in talks for one in talk.said))
    asked = list(dict.fromkeys(one.text for talk in talks for one in talk.asked))[::step]
    vectors = Vectors.of([as_sent(vector) for vector in embed_texts(turns)])
    everywhere = np.ones(len(turns), dtype=bool)
    shares = []
    for question in embed_texts(asked):
        exact = best((vectors.values @ question).astype(np.float64), NEAREST)
        shares.append(np.isin(exact, vectors.nearest(question, everywhere, NEAREST)).mean())
    return float(np.mean(shares)), len(turns)
