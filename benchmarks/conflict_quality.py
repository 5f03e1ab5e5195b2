"""Conflicts in pairs of our own writing: what gives way, what a person is asked about, and what is left alone.

conflict_probes.jsonl holds one pair a line: `older`, `newer`, and which `kind` they are of. In two kinds the older one
must give way, or at least be asked about: "opposed", "updated". In the others both may be true: merely "related",
"compatible" though alike, "other_negation" (of different things), "hedged" (wishes, conditions, exceptions),
"other_subject", "other_time". The rules were mended on the half that is not `held_out`; promises are of the other half.
The plain baseline takes whatever is alike (cosine above .85) for an update.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.decisions import Hits, Line, rows_of
from benchmarks.promises import Promise
from memories.embedding import embed_texts
from memories.refinement.claims import Claim
from memories.refinement.guards import difference
from memories.refinement.judge import are_rivals, judge
from memories.refinement.thresholds import CHEAP, CONFIDENT, LEAST_COSINE, NEAR, WORTH_ASKING
from memories.retrieval.perspective import first_person

PROBES = "conflict_probes.jsonl"
GIVE_WAY = ("opposed", "updated")
ASKED, RETIRED = 1, 2
"""What becomes of the older memory, beside nothing (0): a person is asked, or it gives way."""


def conflicts() -> tuple[list[Line], list[Promise]]:
    """The lines of the table, a kind each and both halves together, and what is promised of the held-out half."""
    rows = rows_of(Path(__file__).parent, PROBES)
    vectors = [embed_texts([first_person(row[side]) for row in rows]) for side in ("older", "newer")]
    cosines = np.einsum("ij,ij->i", *vectors)
    found = np.array(
        [verdict(row["older"], row["newer"], float(cosine)) for row, cosine in zip(rows, cosines, strict=True)]
    )
    kind, held = np.array([row["kind"] for row in rows]), np.array([row["held_out"] for row in rows])
    true = np.isin(kind, GIVE_WAY)
    lines = [
        Hits(said=cosines > CHEAP, true=true).line(f"own pairs: cosine > {CHEAP}"),
        Hits(said=found == RETIRED, true=true).line("own pairs: IBEX, gives way"),
        Hits(said=found >= ASKED, true=true).line("own pairs: IBEX, gives way or is asked about"),
        *(_line(name, found[kind == name], held[kind == name]) for name in dict.fromkeys(kind.tolist())),
    ]
    seen, touched = Hits(said=found[held] >= ASKED, true=true[held]), Hits(said=found[held] == RETIRED, true=true[held])
    return lines, [
        Promise(name="own pairs, held out: conflicts seen", value=seen.recall, unit="", limit=0.70, at_least=True),
        Promise(name="own pairs, held out: wrongly retired", value=touched.false_alarms, unit="", limit=0.02),
        Promise(name="own pairs, held out: needlessly asked", value=seen.false_alarms, unit="", limit=0.05),
    ]


def verdict(older: str, newer: str, cosine: float) -> int:
    """What becomes of the older memory."""
    if cosine > NEAR and difference(newer, older) is None:
        return RETIRED
    if cosine < LEAST_COSINE and not are_rivals(newer, older):
        return 0
    found = judge(Claim(content=newer), Claim(content=older), cosine)
    if found is None or found.confidence < WORTH_ASKING:
        return 0
    return RETIRED if found.confidence > CONFIDENT else ASKED


def _line(kind: str, found: np.ndarray, held: np.ndarray) -> Line:
    """Of a kind in which something must be seen, how much is (as recall); of the others, how much is (false alarms)."""
    told = Hits(said=found[held] >= ASKED, true=np.full(int(held.sum()), kind in GIVE_WAY))
    return told.line(f"own pairs, held out: {kind}")
