"""What an embedding costs, how near the fast path comes to sentence-transformers, and what the rest does to recall.

    .venv/bin/python benchmarks/embedding.py [--short] [--data PATH]

The reference is all-MiniLM-L6-v2 by sentence-transformers and torch, one thread, from the same weights, in the same
run and in a virtual environment of its own (.cache/reference, made once). Recall: a question's evidence among the ten
nearest turns of its talk by cosine alone, on LoCoMo (PATH/locomo.json, default ../shared/data/dev beside the
repository): the reference's vectors against ours. Wall-clock times are of this machine with whatever else it does, and
of as many threads as the settings say; CPU milliseconds, of all threads together, stand beside them. Short: a fifth of
the rounds and one talk, under two minutes. Writes benchmarks/results/embedding.json; exits 1 when a promise breaks, 2
when the data is not there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, print_table
from benchmarks.reference_vectors import ReferenceVectors, reference_vectors
from ibex.env import env
from memories.embedding import EmbeddingModel, QueryEmbedder, load_model
from memories.embedding.graph import weights_folder

ROOT = Path(__file__).resolve().parent.parent

ONE_TEXT_LIMIT_MS = 20.0  # SPEC section 7
BATCH_LIMIT_MS = 100.0  # SPEC section 7
AGREEMENT_LIMIT = 0.99
RECALL_LOSS_LIMIT = 0.01
"""Of the reference's recall, what the fast path may lose."""
K = 10
BATCH = 32
ROUNDS, SHORT_ROUNDS = 300, 60
SHORT_TALKS = 1
ONE_TEXT = "query, real text (~20 tokens)"
ONE_BATCH = "batch of 32 short texts"

SUBJECTS = ["The user", "Her sister Mira", "The billing service", "Our landlord", "The staging cluster", "My dentist"]
VERBS = ["moved to", "complained about", "will replace", "prefers", "forgot", "is afraid of", "pays for", "documents"]
OBJECTS = [
    "the old kitchen table",
    "a flat in Lisbon",
    "weekly status meetings",
    "the PostgreSQL 18 upgrade",
    "peanut butter",
    "late trains",
    "the violin lessons on Thursday",
    "every invoice over two hundred euros",
]
ENDINGS = ["since March", "because of the noise", "and told nobody", "before the wedding", "after the audit"]


def sentences() -> list[str]:
    """1,920 different short texts of about 12 tokens."""
    return [f"{s} {v} {o} {e}." for s in SUBJECTS for v in VERBS for o in OBJECTS for e in ENDINGS]


def queries(texts: list[str]) -> list[str]:
    """Texts of about 20 tokens, none twice, so that no cache answers."""
    return [f"Do you remember what I said: {text[:-1].lower()}, right?" for text in texts]


@dataclass(frozen=True, kw_only=True)
class Times:
    """Milliseconds: wall p50 and p95, CPU p50 and p95 (of all threads together)."""

    p50: float
    p95: float
    cpu50: float
    cpu95: float

    @classmethod
    def of(cls, walls: Sequence[float], cpus: Sequence[float]) -> Times:
        """The percentiles; nan where nothing was measured."""
        (p50, p95), (cpu50, cpu95) = (
            np.percentile(values, (50, 95)) if len(values) else (np.nan, np.nan) for values in (walls, cpus)
        )
        return cls(p50=float(p50), p95=float(p95), cpu50=float(cpu50), cpu95=float(cpu95))


@dataclass(frozen=True, kw_only=True)
class Talk:
    """Turns of one conversation, and questions with the places of the turns that answer them."""

    turns: list[str]
    questions: list[str]
    evidence: list[list[int]]


def measure(rounds: int, call: Callable[[int], object]) -> Times:
    """Times of `rounds` calls, after five that do not count."""
    for number in range(5):
        call(number)
    walls, cpus = [], []
    for number in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        call(number)
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
    return Times.of(walls, cpus)


def batches_of(texts: list[str], count: int) -> list[list[str]]:
    """Batches of 32 different texts."""
    rng = np.random.default_rng(7)
    return [[texts[i] for i in rng.choice(len(texts), BATCH, replace=False)] for _ in range(count)]


def tokens_of(count: int) -> str:
    """A text of exactly `count` tokens: a word of one token each, and the two that frame every text."""
    return "tea " * (count - 2)


def through_the_queue(model: EmbeddingModel, texts: list[str], rate: float) -> Times:
    """Open loop: one query every 1/rate s through QueryEmbedder, whether or not the last is done."""
    embedder = QueryEmbedder(model, threads=env().embedding_threads, limit=len(texts), cache_entries=1)
    embedder.warm_up()
    walls: list[float] = []

    async def one(text: str, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await embedder.embed(text)
        walls.append((time.perf_counter() - due) * 1000)

    async def run() -> None:
        start = time.perf_counter() + 0.05
        await asyncio.gather(*(one(text, start + number / rate) for number, text in enumerate(texts)))

    asyncio.run(run())
    embedder.close()
    return Times.of(walls, [])


def time_everything(model: EmbeddingModel, rounds: int) -> dict[str, Times]:
    """One row of times a thing measured."""
    texts = sentences()
    asked = queries(texts)
    batches = batches_of(texts, rounds // 3)
    rows: dict[str, Times] = {}
    for count in (12, 20, 64):
        text = tokens_of(count)
        rows[f"query, {count} tokens"] = measure(rounds, lambda _, text=text: model.embed_query(text))
    rows[ONE_TEXT] = measure(rounds, lambda i: model.embed_query(asked[i]))
    rows[ONE_BATCH] = measure(len(batches), lambda i: model.embed_documents(batches[i]))
    rows["queue, 100 queries/s"] = through_the_queue(model, asked[: rounds * 3], 100.0)
    return rows


def talks_of(folder: Path, most: int) -> list[Talk]:
    """LoCoMo's first talks. Raises FileNotFoundError."""
    talks = []
    for talk in json.loads((folder / "locomo.json").read_text())[:most]:
        turns = [turn for session in talk["sessions"] for turn in session["turns"]]
        place = {turn["id"]: at for at, turn in enumerate(turns)}
        asked = [
            (question["question"], [place[key] for key in question["evidence"] if key in place])
            for question in talk["questions"]
        ]
        asked = [(question, evidence) for question, evidence in asked if evidence]
        talks.append(
            Talk(
                turns=[turn["text"] for turn in turns],
                questions=[question for question, _ in asked],
                evidence=[evidence for _, evidence in asked],
            )
        )
    return talks


def recall(talks: Sequence[Talk], documents: np.ndarray, queries: np.ndarray) -> float:
    """Share of a question's evidence among the K nearest turns of its talk, averaged over all questions."""
    shares: list[float] = []
    first_turn = first_question = 0
    for talk in talks:
        turns = documents[first_turn : first_turn + len(talk.turns)]
        asked = queries[first_question : first_question + len(talk.questions)]
        nearest = np.argsort(-(asked @ turns.T), axis=1, kind="stable")[:, :K]
        shares += [
            len(set(evidence) & set(found.tolist())) / len(set(evidence))
            for evidence, found in zip(talk.evidence, nearest, strict=True)
        ]
        first_turn += len(talk.turns)
        first_question += len(talk.questions)
    return float(np.mean(shares))


def compare(model: EmbeddingModel, talks: Sequence[Talk], theirs: ReferenceVectors) -> tuple[list[Promise], dict]:
    """Agreement with the reference, and recall with its vectors and with ours."""
    turns = [text for talk in talks for text in talk.turns]
    questions = [text for talk in talks for text in talk.questions]
    documents = model.embed_documents(turns)
    queries = np.stack([model.embed_query(text) for text in questions])
    agreed = {
        "documents": np.einsum("ij,ij->i", documents, theirs.documents),
        "queries": np.einsum("ij,ij->i", queries, theirs.queries),
    }
    recalls = {
        "sentence-transformers": recall(talks, theirs.documents, theirs.queries),
        "its documents, our queries": recall(talks, theirs.documents, queries),
        "IBEX": recall(talks, documents, queries),
    }
    print_table(
        f"Cosine to sentence-transformers, {len(turns)} turns and {len(questions)} questions of LoCoMo",
        ("", "mean", "least"),
        [(name, f"{cosines.mean():.5f}", f"{cosines.min():.5f}") for name, cosines in agreed.items()],
    )
    print_table(f"R@{K} by cosine alone", ("", f"R@{K}"), [(name, f"{value:.4f}") for name, value in recalls.items()])
    ours, reference = recalls["IBEX"], recalls["sentence-transformers"]
    promises = [
        Promise(name=f"{name}, mean cosine", value=float(cosines.mean()), unit="", limit=AGREEMENT_LIMIT, at_least=True)
        for name, cosines in agreed.items()
    ]
    lost = Promise(name=f"R@{K} lost to the reference", value=reference - ours, unit="", limit=RECALL_LOSS_LIMIT)
    return [*promises, lost], recalls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a fifth of the rounds, one talk")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev", metavar="PATH")
    options = parser.parse_args()
    try:
        talks = talks_of(options.data, SHORT_TALKS if options.short else 10)
    except FileNotFoundError as error:
        print(f"{error.filename} is not there: --data PATH names the folder that holds locomo.json.", file=sys.stderr)
        return 2
    rounds = SHORT_ROUNDS if options.short else ROUNDS

    start = time.perf_counter()
    model = load_model()
    model.embed_query("warm up")
    model.embed_documents(["warm up"])
    print(f"load: {time.perf_counter() - start:.2f} s; {env().embedding_threads} threads")
    print(f"{os.getloadavg()[0]:.1f} processes wanted one of {os.cpu_count()} cores in the last minute\n")
    rows = time_everything(model, rounds)
    theirs = reference_vectors(
        weights_folder(),
        documents=[text for talk in talks for text in talk.turns],
        queries=[text for talk in talks for text in talk.questions],
        timed=queries(sentences()[:rounds]),
        batches=batches_of(sentences(), rounds // 3),
    )
    rows["the text by sentence-transformers"] = Times.of([], theirs.one_ms)
    rows["the batch by sentence-transformers"] = Times.of([], theirs.batch_ms)
    print_table(
        "Milliseconds",
        ("", "wall p50", "wall p95", "CPU p50", "CPU p95"),
        [(name, *("" if np.isnan(v) else v for v in vars(row).values())) for name, row in rows.items()],
    )
    promises, recalls = compare(model, talks, theirs)
    return finish(
        "embedding",
        [
            Promise(name="one ~20-token text, wall p95", value=rows[ONE_TEXT].p95, unit="ms", limit=ONE_TEXT_LIMIT_MS),
            Promise(
                name="batch of 32 short texts, wall p95", value=rows[ONE_BATCH].p95, unit="ms", limit=BATCH_LIMIT_MS
            ),
            *promises,
        ],
        recall=recalls,
        times={name: {key: None if np.isnan(v) else v for key, v in vars(row).items()} for name, row in rows.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
