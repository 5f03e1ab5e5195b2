"""How often refinement is right: duplicates, updates, contradictions, injection, personal data, beside plain baselines.

    .venv/bin/python benchmarks/quality_refinement.py [--short] [--data PATH]

PATH holds the public sets (default ../shared/data/dev beside the repository). Texts go through the product's own steps:
`guards` and `near` for duplicates, `judge` for conflicts, `quarantine`, `pii`; no database is needed. Baselines judge
the same texts in the same run: plain cosines, plain patterns, logistic regression over the plain embedding. Updates are
pairs of HaluMem: an old memory, and the text that updates it or has nothing to do with it; a retired old memory is
right in the first case and wrong in the second. Conflicts are told in pairs of our own too (conflict_quality). Most
rows of the injection sets are learned from: what is promised of them is held out.

Short: half of the duplicates and personal data, three fifths of the injections, a sixth of the contradictions. Writes
benchmarks/results/quality_refinement.json; exits 1 when a promise breaks, 2 when the data is not there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.conflict_quality import conflicts
from benchmarks.decisions import COLUMNS, Hits, Line, Row, rows_of
from benchmarks.pii_quality import personal_data
from benchmarks.promises import Promise, finish, print_table
from benchmarks.quarantine_quality import injections
from memories.choices import Relation
from memories.embedding import embed_texts
from memories.refinement.claims import Claim
from memories.refinement.guards import difference
from memories.refinement.judge import judge
from memories.refinement.thresholds import CONFIDENT, LEAST_COSINE, NEAR
from scripts.train_quarantine import auc

ROOT = Path(__file__).resolve().parent.parent
CHEAP = 0.85  # the cosine from which plain designs take a newer memory for an update (SPEC section 5)
CONTRADICTIONS_STEP = 6  # when short
SAME_SCORE = 4.5  # of 5 in STS-B: from here on two sentences say the same (QUALITY section 2)
_STAMP = re.compile(r"^\[[^\]]*\]\[[^\]]*\]")


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two texts a case, with the cosine of their vectors."""

    first: Sequence[str]
    second: Sequence[str]
    cosine: np.ndarray

    @classmethod
    def of(cls, first: Iterable[str], second: Iterable[str]) -> Pairs:
        """Embed both sides."""
        one, other = list(first), list(second)
        return cls(first=one, second=other, cosine=np.einsum("ij,ij->i", embed_texts(one), embed_texts(other)))

    def near(self) -> np.ndarray:
        """Whether refinement would merge them."""
        agree = [difference(one, other) is None for one, other in zip(self.first, self.second, strict=True)]
        return (self.cosine > NEAR) & np.array(agree)

    def judged(self, kinds: Iterable[Relation] = Relation) -> np.ndarray:
        """Whether the second text makes the first give way."""
        wanted = set(kinds)
        said = []
        for older, newer, cosine in zip(self.first, self.second, self.cosine, strict=True):
            found = judge(Claim(content=newer), Claim(content=older), float(cosine)) if cosine >= LEAST_COSINE else None
            said.append(found is not None and found.confidence > CONFIDENT and found.kind in wanted)
        return np.array(said)


def duplicates(folder: Path, *, short: bool) -> tuple[list[Line], Hits]:
    """MRPC and STS-B: what would be merged, with and without the guards."""
    lines: list[Line] = []
    said, true = [], []
    for name, truth in (("neardup_mrpc", lambda row: row["label"] == 1), ("neardup_stsb", _says_the_same)):
        rows = rows_of(folder, f"{name}.jsonl", short=short)
        pairs = Pairs.of((row["a"] for row in rows), (row["b"] for row in rows))
        same = np.array([truth(row) for row in rows])
        guarded = Hits(said=pairs.near(), true=same)
        lines += [
            Hits(said=pairs.cosine > NEAR, true=same).line(f"{name}: cosine > {NEAR}", auc(same, pairs.cosine)),
            guarded.line(f"{name}: IBEX"),
        ]
        said.append(guarded.said)
        true.append(same)
    return lines, Hits(said=np.concatenate(said), true=np.concatenate(true))


def _says_the_same(row: Row) -> bool:
    return bool(row["score"] >= SAME_SCORE)


def updates(folder: Path) -> tuple[list[Line], Hits]:
    """HaluMem: whether the old memory gives way to the new text."""
    rows = rows_of(folder, "update_pairs_halumem.jsonl")
    pairs = Pairs.of((_STAMP.sub("", row["old"]) for row in rows), (_STAMP.sub("", row["new"]) for row in rows))
    true = np.array([row["label"] == "update" for row in rows])
    ibex = Hits(said=pairs.near() | pairs.judged(), true=true)
    plain = Hits(said=pairs.cosine > CHEAP, true=true)
    lines = [plain.line(f"updates: cosine > {CHEAP}", auc(true, pairs.cosine)), ibex.line("updates: IBEX")]
    return lines, ibex


def contradictions(folder: Path, *, short: bool) -> list[Line]:
    """SICK, ANLI and BreakingNLI: sentences about anything, far from memories. Told for comparison, not promised."""
    lines: list[Line] = []
    for name, keys in (
        ("contradiction_sick", ("a", "b")),
        ("contradiction_anli", ("premise", "hypothesis")),
        ("contradiction_breakingnli", ("premise", "hypothesis")),
    ):
        rows = rows_of(folder, f"{name}.jsonl")[:: CONTRADICTIONS_STEP if short else 1]
        pairs = Pairs.of((row[keys[0]] for row in rows), (row[keys[1]] for row in rows))
        true = np.array([row["label"] == "contradiction" for row in rows])
        said = pairs.judged((Relation.CONTRADICTS, Relation.SUPERSEDES))
        lines += [
            Hits(said=pairs.cosine > CHEAP, true=true).line(f"{name}: cosine > {CHEAP}", auc(true, pairs.cosine)),
            Hits(said=said, true=true).line(f"{name}: IBEX"),
        ]
    return lines


def run(folder: Path, *, short: bool) -> int:
    """Measure everything, print it, and hold it against the goals."""
    same_lines, same = duplicates(folder, short=short)
    update_lines, update = updates(folder)
    pii_lines, pii_promises = personal_data(folder, short=short)
    injection_lines, injection_promises = injections(folder, short=short)
    other = contradictions(folder, short=short)
    own_lines, own_promises = conflicts()
    lines = [*same_lines, *update_lines, *own_lines, *other, *injection_lines, *pii_lines]
    print_table("Refinement", COLUMNS, lines)
    promises = [
        Promise(name="near-duplicates merged: precision", value=same.precision, unit="", limit=0.97, at_least=True),
        Promise(name="updates: the right memory retired", value=update.recall, unit="", limit=0.60, at_least=True),
        Promise(name="updates: wrongly retired", value=update.false_alarms, unit="", limit=0.02),
        *own_promises,
        *injection_promises,
        *pii_promises,
    ]
    return finish("quality_refinement", promises, table=[dict(zip(COLUMNS, line, strict=True)) for line in lines])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="part of the larger sets")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    options = parser.parse_args()
    try:
        return run(options.data, short=options.short)
    except FileNotFoundError as missing:
        print(f"The public sets are not there: {missing.filename}. Name their folder with --data.", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
