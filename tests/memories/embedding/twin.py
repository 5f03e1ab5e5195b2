"""A labelled, deterministic twin of sentence-transformers: the seam at which torch would begin.

Its models are called `twin-WIDTH`. Their vectors are those of all-MiniLM-L6-v2, turned and pressed into WIDTH numbers,
so they mean about the same among themselves and nothing at all beside another model's.
"""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from memories.embedding import embed_texts


class TwinEncoder:
    """What `memories.embedding.reference` asks of SentenceTransformer."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        if not name.startswith("twin-"):
            raise OSError(f"{name} is no twin")
        self.width = int(name.removeprefix("twin-"))
        self._turn = np.random.default_rng(self.width).normal(size=(384, self.width)).astype(np.float32)

    def get_embedding_dimension(self) -> int:
        return self.width

    def encode_document(self, texts: list[str], **options: object) -> np.ndarray:
        assert options["normalize_embeddings"]
        vectors = embed_texts(texts) @ self._turn
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    encode_query = encode_document


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process has the twin where sentence-transformers would be."""
    library, torch = ModuleType("sentence_transformers"), ModuleType("torch")
    library.SentenceTransformer = TwinEncoder  # type: ignore[attr-defined]
    torch.set_num_threads = lambda _count: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    monkeypatch.setitem(sys.modules, "torch", torch)
