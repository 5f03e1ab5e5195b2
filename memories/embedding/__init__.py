"""Embedding models in this process: the only module that knows their runtimes.

Without a name it is all-MiniLM-L6-v2. Vectors are fp32 of length 1, so a dot product is the cosine. What is stored and
searched goes through `memories.slots`, which knows the model that serves.
"""

from __future__ import annotations

from memories.embedding.backends import Model
from memories.embedding.encoder import DIMENSIONS
from memories.embedding.errors import EmbeddingBusy, EmbeddingUnavailable
from memories.embedding.graph import prepare
from memories.embedding.model import MODEL_NAME, EmbeddingModel, Vectors, load_model
from memories.embedding.queries import Vector
from memories.embedding.service import QueryEmbedder, detach_all, embed_texts, model, query_embedder

__all__ = [
    "DIMENSIONS",
    "MODEL_NAME",
    "EmbeddingBusy",
    "EmbeddingModel",
    "EmbeddingUnavailable",
    "Model",
    "QueryEmbedder",
    "Vector",
    "Vectors",
    "detach_all",
    "embed_texts",
    "load_model",
    "model",
    "prepare",
    "query_embedder",
]
