"""Which runtime makes a model's vectors, and what every runtime offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ibex.env import env
from memories.embedding.model import MODEL_NAME, Vectors, load_model
from memories.embedding.queries import Vector
from memories.embedding.threads import EncoderThreads


class Model(Protocol):
    """Texts to fp32 vectors of length 1; safe to share between threads."""

    @property
    def name(self) -> str:
        """What rows record beside their vectors."""

    @property
    def dimensions(self) -> int:
        """How wide the vectors are."""

    @property
    def ignores_case(self) -> bool:
        """Whether capitals make no difference."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n x dimensions) of texts to be stored."""

    def embed_query(self, text: str) -> Vector:
        """The vector (dimensions) of a question."""

    def question_threads(self, threads: int) -> EncoderThreads | None:
        """Threads that make questions' vectors for the running event loop without Python; None: it has none."""


def load(name: str) -> Model:
    """The model called `name`, on the runtime that the settings choose. Raises EmbeddingUnavailable.

    Only all-MiniLM-L6-v2 has the fast path; anything else is sentence-transformers' to run.
    """
    settings = env()
    if name == MODEL_NAME and settings.embedding_backend == "onnx":
        return load_model()
    from memories.embedding.reference import load_reference

    return load_reference(name, device=settings.embedding_device)
