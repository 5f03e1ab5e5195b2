"""What an embedding costs, and how near int8 queries come to fp32 documents.

    .venv/bin/python benchmarks/embedding.py [--short]

Short: under half a minute. Wall-clock times of this process on whatever else the machine is doing; CPU milliseconds
beside them. Writes benchmarks/results/embedding.json and exits 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ibex.env import env
from memories.embedding import EmbeddingModel, QueryEmbedder, load_model

RESULTS = Path(__file__).resolve().parent / "results" / "embedding.json"

ONE_TEXT_LIMIT_MS = 20.0  # SPEC section 7
BATCH_LIMIT_MS = 100.0  # SPEC section 7
AGREEMENT_LIMIT = 0.99
BATCH = 32
ONE_TEXT = "int8 query, real text (~20 tokens)"
ONE_BATCH = "fp32 batch of 32 short texts"

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


def measure(rounds: int, call: Callable[[int], object]) -> dict[str, float]:
    """p50 and p95 of wall time, and mean CPU time, in ms over `rounds` calls, after five that do not count."""
    for number in range(5):
        call(number)
    walls = []
    cpu = time.process_time()
    for number in range(rounds):
        start = time.perf_counter()
        call(number)
        walls.append((time.perf_counter() - start) * 1000)
    used = (time.process_time() - cpu) * 1000 / rounds
    return {"p50": float(np.percentile(walls, 50)), "p95": float(np.percentile(walls, 95)), "cpu": used}


def tokens_of(count: int) -> str:
    """A text of exactly `count` tokens: a word of one token each, and the two that frame every text."""
    return "tea " * (count - 2)


def through_the_queue(model: EmbeddingModel, texts: list[str], rate: float) -> dict[str, float]:
    """Open loop: one query every 1/rate s through QueryEmbedder, whether or not the last is done. p50, p95 in ms."""
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
    return {"p50": float(np.percentile(walls, 50)), "p95": float(np.percentile(walls, 95)), "cpu": float("nan")}


def time_everything(model: EmbeddingModel, rounds: int) -> dict[str, dict[str, float]]:
    """One row of times a thing measured."""
    texts = sentences()
    asked = queries(texts)
    rng = np.random.default_rng(7)
    batches = [[texts[i] for i in rng.choice(len(texts), BATCH, replace=False)] for _ in range(rounds)]
    rows: dict[str, dict[str, float]] = {}
    for count in (12, 20, 64):
        text = tokens_of(count)
        rows[f"int8 query, {count} tokens"] = measure(rounds, lambda _, text=text: model.embed_query(text))
        rows[f"fp32 document, {count} tokens"] = measure(rounds, lambda _, text=text: model.embed_documents([text]))
    rows[ONE_TEXT] = measure(rounds, lambda i: model.embed_query(asked[i]))
    rows[ONE_BATCH] = measure(rounds // 3, lambda i: model.embed_documents(batches[i]))
    rows["queue, 100 queries/s"] = through_the_queue(model, asked[: rounds * 3], 100.0)
    return rows


def agreement(model: EmbeddingModel, count: int) -> np.ndarray:
    """Cosines between the int8 and the fp32 vector of the same text, for short texts and questions."""
    texts = sentences()
    sample = [texts[i] for i in np.random.default_rng(8).choice(len(texts), min(len(texts), count), replace=False)]
    sample += queries(sample[: count // 4])
    return np.einsum("ij,ij->i", model.embed_documents(sample), np.stack([model.embed_query(t) for t in sample]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a fifth of the rounds")
    rounds = 60 if parser.parse_args().short else 300

    start = time.perf_counter()
    model = load_model()
    model.embed_query("warm up")
    load_query = time.perf_counter() - start
    start = time.perf_counter()
    model.embed_documents(["warm up"])
    load_document = time.perf_counter() - start
    print(f"load: int8 {load_query:.2f} s, fp32 {load_document:.2f} s; {env().embedding_threads} threads\n")

    rows = time_everything(model, rounds)
    print(f"{'':38}{'p50 ms':>10}{'p95 ms':>10}{'CPU ms':>10}")
    for name, row in rows.items():
        print(f"{name:38}{row['p50']:>10.1f}{row['p95']:>10.1f}{row['cpu']:>10.1f}")
    cosines = agreement(model, rounds * 2)
    print(f"\nint8 query and fp32 document of {len(cosines)} texts: mean {cosines.mean():.4f}, min {cosines.min():.4f}")
    return report(
        [
            ("one ~20-token text, p95", rows[ONE_TEXT]["p95"], "ms", ONE_TEXT_LIMIT_MS),
            ("batch of 32 short texts, p95", rows[ONE_BATCH]["p95"], "ms", BATCH_LIMIT_MS),
            ("int8 to fp32 agreement, mean cosine", float(cosines.mean()), "", AGREEMENT_LIMIT),
        ]
    )


def report(measured: list[tuple[str, float, str, float]]) -> int:
    """Print and write the promises; 0 when all hold. Times must stay under their limit, the agreement above it."""
    promises = [
        {
            "name": name,
            "value": round(value, 4),
            "unit": unit,
            "limit": limit,
            "ok": value < limit if unit == "ms" else value >= limit,
        }
        for name, value, unit, limit in measured
    ]
    for promise in promises:
        verdict = "ok    " if promise["ok"] else "BROKEN"
        print(f"{verdict} {promise['name']}: {promise['value']} (limit {promise['limit']})")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"promises": promises}, indent=2) + "\n")
    return 0 if all(promise["ok"] for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
