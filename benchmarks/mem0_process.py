"""Runs in mem0's own virtual environment: fills its pgvector store from the benchmark's pool and times its search.

Reads {"url", "rows", "questions": [[text, vector], …]} from standard input and prints its figures as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
import uuid
from typing import Any

os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=tempfile.mkdtemp(prefix="mem0-"), OPENAI_API_KEY="unused")

import psycopg
from mem0 import Memory
from mem0.utils.lemmatization import lemmatize_for_bm25

USER = "benchmark"
FOUND = 20
BATCH = 1_000
WARM_UP = 50
DIMENSIONS = 384


class GivenVectors:
    """In place of mem0's embedder: vectors that were made before."""

    config: Any = None

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self._vectors = vectors

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The vector of a question."""
        return self._vectors[text]


def main() -> None:
    asked = json.load(sys.stdin)
    memory = Memory.from_config(
        {
            "vector_store": {
                "provider": "pgvector",
                "config": {
                    "connection_string": asked["url"],
                    "collection_name": "mem0_benchmark",
                    "embedding_model_dims": DIMENSIONS,
                    "hnsw": True,
                },
            },
            "history_db_path": f"{os.environ['MEM0_DIR']}/history.db",
        }
    )
    memory.embedding_model = GivenVectors(dict(asked["questions"]))
    fill(memory, asked["url"], asked["rows"])
    took, fewest = [], FOUND
    for text, _ in asked["questions"]:
        start = time.perf_counter()
        found = memory.search(text, top_k=FOUND, filters={"user_id": USER})["results"]
        took.append((time.perf_counter() - start) * 1000)
        fewest = min(fewest, len(found))
    took = sorted(took[WARM_UP:])
    shares = {f"p{share} ms": took[min(len(took) - 1, len(took) * share // 100)] for share in (50, 95, 99)}
    print(json.dumps(shares | {"fewest rows": fewest}))


def fill(memory: Any, url: str, rows: int) -> None:
    """Rows as `add(infer=False)` writes them, a thousand at a time."""
    with psycopg.connect(url) as connection:
        pairs = connection.execute(
            "SELECT x.content || ' ' || y.content, l2_normalize(x.vector + y.vector)::text"
            "  FROM generate_series(1, %(rows)s) AS n"
            "  JOIN benchmark_pool x ON x.number = n %% (SELECT count(*) FROM benchmark_pool)"
            "  JOIN benchmark_pool y ON y.number = (n * 7919 + n / 13) %% (SELECT count(*) FROM benchmark_pool)",
            {"rows": rows},
        ).fetchall()
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        payloads = [
            {
                "data": text,
                "hash": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
                "user_id": USER,
                "text_lemmatized": lemmatize_for_bm25(text),
            }
            for text, _ in batch
        ]
        memory.vector_store.insert(
            [[float(part) for part in vector[1:-1].split(",")] for _, vector in batch],
            payloads,
            [str(uuid.uuid4()) for _ in batch],
        )


main()
