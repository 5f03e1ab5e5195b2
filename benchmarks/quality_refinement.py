"""How often refinement is right: duplicates, updates, contradictions, injection, personal data, beside plain baselines.

    .venv/bin/python benchmarks/quality_refinement.py [--short] [--data PATH]

PATH holds the public sets (default ../shared/data/dev beside the repository). Texts go through the product's own steps:
`guards` and `near` for duplicates, `judge` for conflicts, `quarantine`, `pii`; no database is needed. Baselines are the
plain cosines that QUALITY.md measured. Updates are pairs of HaluMem: an old memory, and the text that updates it or has
nothing to do with it; a retired old memory is right in the first case and wrong in the second.

Short: the first half of every set. Writes benchmarks/results/quality_refinement.json; exits 1 when a promise breaks,
2 when the data is not there.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, print_table
from memories.choices import Relation
from memories.embedding import embed_texts
from memories.refinement import pii, quarantine
from memories.refinement.claims import Claim
from memories.refinement.guards import difference
from memories.refinement.judge import judge
from memories.refinement.thresholds import CONFIDENT, LEAST_COSINE, NEAR

ROOT = Path(__file__).resolve().parent.parent
SAME_SCORE = 4.5  # of 5 in STS-B: from here on two sentences say the same (QUALITY section 2)
COLUMNS = ("method", "cases", "precision", "recall", "F1", "false alarms")
STRUCTURED = {
    "CREDIT_CARD": pii.PiiKind.CARD,
    "PHONE_NUMBER": pii.PiiKind.PHONE,
    "EMAIL_ADDRESS": pii.PiiKind.EMAIL,
    "IBAN_CODE": pii.PiiKind.IBAN,
    "IP_ADDRESS": pii.PiiKind.IP,
}
"""Presidio's types that have a form of their own."""
_STAMP = re.compile(r"^\[[^\]]*\]\[[^\]]*\]")

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Hits:
    """How a yes/no decision compares with the truth."""

    said: np.ndarray
    true: np.ndarray

    @property
    def precision(self) -> float:
        """Of those said, how many are true."""
        return float((self.said & self.true).sum() / max(1, self.said.sum()))

    @property
    def recall(self) -> float:
        """Of those true, how many were said."""
        return float((self.said & self.true).sum() / max(1, self.true.sum()))

    @property
    def false_alarms(self) -> float:
        """Of those not true, how many were said."""
        return float((self.said & ~self.true).sum() / max(1, (~self.true).sum()))

    def line(self, name: str) -> list[Any]:
        """A line of the table."""
        total = self.precision + self.recall
        f1 = 2 * self.precision * self.recall / total if total else 0.0
        figures = (self.precision, self.recall, f1, self.false_alarms)
        return [name, len(self.said), *(f"{value:.3f}" for value in figures)]


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


def rows_of(folder: Path, name: str, *, short: bool) -> list[Row]:
    """A JSON Lines file; its first half when short."""
    rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return rows[: len(rows) // 2] if short else rows


def duplicates(folder: Path, *, short: bool) -> tuple[list[list[Any]], Hits]:
    """MRPC and STS-B: what would be merged, with and without the guards."""
    lines: list[list[Any]] = []
    said, true = [], []
    for name, truth in (("neardup_mrpc", lambda row: row["label"] == 1), ("neardup_stsb", _says_the_same)):
        rows = rows_of(folder, f"{name}.jsonl", short=short)
        pairs = Pairs.of((row["a"] for row in rows), (row["b"] for row in rows))
        same = np.array([truth(row) for row in rows])
        guarded = Hits(said=pairs.near(), true=same)
        lines += [
            Hits(said=pairs.cosine > NEAR, true=same).line(f"{name}: cosine > {NEAR}"),
            guarded.line(f"{name}: IBEX"),
        ]
        said.append(guarded.said)
        true.append(same)
    return lines, Hits(said=np.concatenate(said), true=np.concatenate(true))


def _says_the_same(row: Row) -> bool:
    return bool(row["score"] >= SAME_SCORE)


def updates(folder: Path, *, short: bool) -> tuple[list[list[Any]], Hits]:
    """HaluMem: whether the old memory gives way to the new text."""
    rows = rows_of(folder, "update_pairs_halumem.jsonl", short=False)[:: 2 if short else 1]
    pairs = Pairs.of((_STAMP.sub("", row["old"]) for row in rows), (_STAMP.sub("", row["new"]) for row in rows))
    true = np.array([row["label"] == "update" for row in rows])
    ibex = Hits(said=pairs.near() | pairs.judged(), true=true)
    return [Hits(said=pairs.cosine > 0.85, true=true).line("updates: cosine > 0.85"), ibex.line("updates: IBEX")], ibex


def contradictions(folder: Path, *, short: bool) -> list[list[Any]]:
    """SICK, ANLI and BreakingNLI: sentences about anything, far from memories. Told for comparison, not promised."""
    lines: list[list[Any]] = []
    for name, keys in (
        ("contradiction_sick", ("a", "b")),
        ("contradiction_anli", ("premise", "hypothesis")),
        ("contradiction_breakingnli", ("premise", "hypothesis")),
    ):
        rows = rows_of(folder, f"{name}.jsonl", short=short)
        pairs = Pairs.of((row[keys[0]] for row in rows), (row[keys[1]] for row in rows))
        true = np.array([row["label"] == "contradiction" for row in rows])
        said = pairs.judged((Relation.CONTRADICTS, Relation.SUPERSEDES))
        lines.append(Hits(said=said, true=true).line(f"{name}: IBEX"))
    return lines


def injections(folder: Path, *, short: bool) -> tuple[list[list[Any]], dict[str, float]]:
    """Attacks on a prompt, harmless texts that look like one, and memories that would do harm."""
    rows = rows_of(folder, "injection.jsonl", short=False)[:: 2 if short else 1]
    own = rows_of(folder, "memory_poison_own.jsonl", short=False)
    public, poison = _assessed(rows), _assessed(own)
    innocent = np.array([row["source"].startswith("NotInject") for row in rows])
    hits, poisoned = Hits(said=public[0], true=public[2]), Hits(said=poison[0], true=poison[2])
    figures = {
        "auc": _auc(public[1], public[2]),
        "not_inject": float(public[0][innocent].mean()),
        "poison_recall": poisoned.recall,
        "poison_false_alarms": poisoned.false_alarms,
    }
    return [hits.line("injection, public sets: IBEX"), poisoned.line("own memory poison: IBEX")], figures


def _assessed(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    texts = [row["text"] for row in rows]
    verdicts = [quarantine.assess(text, vector) for text, vector in zip(texts, embed_texts(texts), strict=True)]
    suspicious = np.array([verdict.suspicious for verdict in verdicts])
    return (
        suspicious,
        np.array([verdict.score for verdict in verdicts]),
        np.array([int(row["label"]) == 1 for row in rows]),
    )


def _auc(scores: np.ndarray, true: np.ndarray) -> float:
    """Chance that a true case scores above another one; ties count half."""
    yes, no = scores[true], np.sort(scores[~true])
    below, upto = np.searchsorted(no, yes, "left"), np.searchsorted(no, yes, "right")
    return float((below + (upto - below) / 2).sum() / (len(yes) * len(no)))


def personal_data(folder: Path, *, short: bool) -> tuple[list[list[Any]], float]:
    """Presidio's synthetic texts: of the structured values, how many are found."""
    found: dict[str, list[bool]] = {kind: [] for kind in STRUCTURED}
    for row in rows_of(folder, "pii_presidio.jsonl", short=short):
        findings = pii.redact(row["text"]).findings
        for span in row["spans"]:
            if span["type"] in STRUCTURED:
                hit = any(one.start < span["end"] and span["start"] < one.end for one in findings)
                found[span["type"]].append(hit)
    lines = [[f"PII: {kind}", len(hits), "", f"{np.mean(hits):.3f}", "", ""] for kind, hits in found.items() if hits]
    every = [hit for hits in found.values() for hit in hits]
    return lines, float(np.mean(every))


def run(folder: Path, *, short: bool) -> int:
    """Measure everything, print it, and hold it against the goals."""
    same_lines, same = duplicates(folder, short=short)
    update_lines, update = updates(folder, short=short)
    injection_lines, injection = injections(folder, short=short)
    pii_lines, structured = personal_data(folder, short=short)
    other = contradictions(folder, short=short)
    lines = [*same_lines, *update_lines, *other, *injection_lines, *pii_lines]
    print_table("Refinement", COLUMNS, lines)
    promises = [
        Promise(name="near-duplicates merged: precision", value=same.precision, unit="", limit=0.97, at_least=True),
        Promise(name="updates: the right memory retired", value=update.recall, unit="", limit=0.60, at_least=True),
        Promise(name="updates: wrongly retired", value=update.false_alarms, unit="", limit=0.02),
        Promise(name="injection: AUC", value=injection["auc"], unit="", limit=0.97, at_least=True),
        Promise(name="injection: NotInject flagged", value=injection["not_inject"], unit="", limit=0.03),
        Promise(name="own poison: caught", value=injection["poison_recall"], unit="", limit=0.80, at_least=True),
        Promise(name="own poison: false alarms", value=injection["poison_false_alarms"], unit="", limit=0.05),
        Promise(name="PII, structured: recall", value=structured, unit="", limit=0.97, at_least=True),
    ]
    return finish("quality_refinement", promises, table=[dict(zip(COLUMNS, line, strict=True)) for line in lines])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="half of every set")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    options = parser.parse_args()
    try:
        return run(options.data, short=options.short)
    except FileNotFoundError as missing:
        print(f"The public sets are not there: {missing.filename}. Name their folder with --data.", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
