"""Vectors of sentence-transformers, made in a virtual environment of their own, for benchmarks/embedding.py.

The second half of this file runs there, with nothing of IBEX: JSON on standard input in, an .npz file out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ("torch==2.13.0", "sentence-transformers==6.2.0")
REFERENCE_HOME = ROOT / ".cache" / "reference"
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class ReferenceVectors:
    """Unit vectors (n x 384) in the order of the texts, and CPU ms of each text alone and of each batch."""

    documents: np.ndarray
    queries: np.ndarray
    one_ms: np.ndarray
    batch_ms: np.ndarray


def reference_vectors(
    model: Path,
    *,
    documents: Sequence[str],
    queries: Sequence[str],
    timed: Sequence[str],
    batches: Sequence[Sequence[str]],
) -> ReferenceVectors:
    """Embed as sentence-transformers does, one thread. The first call installs it (200 MB)."""
    python = REFERENCE_HOME / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(REFERENCE_HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REFERENCE], check=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "vectors.npz"
        asked: dict[str, Any] = {"model": str(model), "out": str(out)}
        asked |= {"documents": list(documents), "queries": list(queries)}
        asked |= {"timed": list(timed), "batches": [list(batch) for batch in batches]}
        done = subprocess.run(
            [str(python), __file__],
            input=json.dumps(asked),
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"sentence-transformers broke: {done.stderr[-2000:]}")
        with np.load(out) as made:
            return ReferenceVectors(**made)


def main() -> None:
    """What runs in the other environment."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    asked = json.load(sys.stdin)
    encoder = SentenceTransformer(asked["model"], device="cpu")

    def encode(texts: list[str]) -> np.ndarray:
        return encoder.encode(texts, normalize_embeddings=True, batch_size=BATCH, show_progress_bar=False)

    def milliseconds(texts: list[str]) -> float:
        began = time.process_time()
        encode(texts)
        return (time.process_time() - began) * 1000

    documents, queries = encode(asked["documents"]), encode(asked["queries"])
    np.savez(
        asked["out"],
        documents=documents,
        queries=queries,
        one_ms=[milliseconds([text]) for text in asked["timed"]],
        batch_ms=[milliseconds(batch) for batch in asked["batches"]],
    )


if __name__ == "__main__":
    main()
