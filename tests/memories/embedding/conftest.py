from __future__ import annotations

from collections.abc import Iterator

import pytest

from memories.embedding import EmbeddingModel, QueryEmbedder, model


@pytest.fixture(scope="session")
def embedding_model() -> EmbeddingModel:
    return model()


@pytest.fixture
def embedder(embedding_model: EmbeddingModel) -> Iterator[QueryEmbedder]:
    made = QueryEmbedder(embedding_model, threads=2, limit=4, cache_entries=3)
    yield made
    made.close()
