"""all-MiniLM-L6-v2 in this process: the only module that knows the embedding runtime.

The web process asks `ready_query_embedder()`; workers ask `embed_texts()`. Vectors are fp32 of length 1 and
384 wide, so a dot product is the cosine.
"""

from __future__ import annotations

from memories.embedding.errors import EmbeddingBusy, EmbeddingUnavailable
from memories.embedding.graph import DIMENSIONS, prepare
from memories.embedding.model import MODEL_NAME, EmbeddingModel, Vector, Vectors, load_model
from memories.embedding.service import QueryEmbedder, embed_texts, model, query_embedder, ready_query_embedder

__all__ = [
    "DIMENSIONS",
    "MODEL_NAME",
    "EmbeddingBusy",
    "EmbeddingModel",
    "EmbeddingUnavailable",
    "QueryEmbedder",
    "Vector",
    "Vectors",
    "embed_texts",
    "load_model",
    "model",
    "prepare",
    "query_embedder",
    "ready_query_embedder",
]
