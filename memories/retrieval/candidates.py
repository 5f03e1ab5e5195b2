"""Rows of the arms, turned into the columns that fusion reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from ibex.core import metrics
from memories.retrieval.asked import Asked
from memories.retrieval.fusion import Bools, Floats, Rows
from memories.retrieval.query import Arm
from memories.retrieval.time_of import Named

_ID, _COSINE, _MATCHED, _SESSION, _CHECKPOINT, _TOKENS, _TIME, _NEAR, _WORDED, _TURN, _ROLE, _SPEAKER = range(12)
_ARMS = {
    (True, True): Arm.BOTH,
    (True, False): Arm.VECTOR,
    (False, True): Arm.WORDS,
    (False, False): Arm.CONTEXT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """What may answer a question, in no order."""

    kinds: Sequence[str]
    ids: Sequence[UUID]
    arms: Sequence[Arm]
    rows: Rows
    near: Bools
    worded: Bools
    """Which of them the vectors brought up, and which the words."""


def read_candidates(
    raw: Mapping[str, Sequence[Sequence[Any]]], terms: int, *, asked: Asked, times: Named
) -> Candidates:
    """`raw`: rows of the candidate statements by kind; `terms`: how many words their bits stand for."""
    kinds = [kind for kind, rows in raw.items() for _ in rows]
    rows = [row for found in raw.values() for row in found]
    excerpts = np.array([kind == "excerpt" for kind in kinds], dtype=bool)
    matched = np.array([row[_MATCHED] for row in rows], dtype=np.int64)
    turn_of = {row[_CHECKPOINT]: at for at, row in enumerate(rows) if excerpts[at] and row[_ROLE] == "user"}
    return Candidates(
        near=np.array([bool(row[_NEAR]) for row in rows], dtype=bool),
        worded=np.array([bool(row[_WORDED]) for row in rows], dtype=bool),
        kinds=kinds,
        ids=[row[_ID] for row in rows],
        arms=[_ARMS[bool(row[_NEAR]), bool(row[_WORDED])] for row in rows],
        rows=Rows(
            cosine=_cosines(rows),
            matched=((matched[:, None] >> np.arange(terms)) & 1).astype(bool),
            session=_numbered([row[_SESSION] for row in rows]),
            place=np.array(
                [place_of(row[_TURN], row[_ROLE]) if excerpts[at] else -1 for at, row in enumerate(rows)],
                dtype=np.int64,
            ),
            tokens=np.array([row[_TOKENS] for row in rows], dtype=np.float64),
            spoken=_spoken(rows, excerpts, asked),
            month=np.array(
                [times.matches(row[_TIME]) for row in rows] if times else np.zeros(len(rows)), dtype=np.float64
            ),
            evidence_of=np.array(
                [-1 if excerpts[at] else turn_of.get(row[_CHECKPOINT], -1) for at, row in enumerate(rows)],
                dtype=np.int64,
            ),
        ),
    )


def _spoken(rows: Sequence[Sequence[Any]], excerpts: Bools, asked: Asked) -> Floats:
    spoken = np.ones(len(rows))
    for at, row in enumerate(rows) if asked else ():
        spoken[at] = not excerpts[at] or asked.fits(row[_ROLE], row[_SPEAKER])
    return spoken


def place_of(turn: int, role: str) -> int:
    """Where a turn's words stand in their session: the user's, then the assistant's."""
    return 2 * turn + (role == "assistant")


def _cosines(rows: Sequence[Sequence[Any]]) -> Floats:
    """A row that has no vector of the model that serves speaks by its words only; counted, because it should not be."""
    without = sum(row[_COSINE] is None for row in rows)
    if without:
        metrics.WITHOUT_VECTOR.inc(without)
    return np.array([row[_COSINE] or 0.0 for row in rows], dtype=np.float64)


def _numbered(sessions: Sequence[UUID | None]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    numbers: dict[UUID, int] = {}
    found = [-1 if session is None else numbers.setdefault(session, len(numbers)) for session in sessions]
    return np.array(found, dtype=np.int64)
