"""Vectors: their shape, their meaning, and that storing the same text twice stores the same vector."""

from __future__ import annotations

import numpy as np
import pytest

from memories.embedding import DIMENSIONS, EmbeddingModel

TEXTS = [
    "The user's daughter Mira starts school in August.",
    "Mira, the daughter of the user, will start school in August.",
    "The production database listens on port 5432.",
    "Die Nutzerin trinkt morgens nur Tee.",
    "",
    "x",
    "日本語のテキスト and some emoji 😀",
    "A long one. " * 400,
]

# First six components as sentence-transformers 6.2 / torch 2.13 compute them from the same weights.
REFERENCE = {
    "The production database listens on port 5432.": [
        0.0297735,
        -0.0491693,
        -0.1332624,
        -0.0721915,
        -0.0407194,
        -0.0581876,
    ],
}


def test_documents_become_unit_vectors_in_the_order_given(embedding_model: EmbeddingModel) -> None:
    vectors = embedding_model.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(embedding_model.embed_documents([text])[0] @ vector) > 0.999999


def test_no_documents_give_no_vectors(embedding_model: EmbeddingModel) -> None:
    assert embedding_model.embed_documents([]).shape == (0, DIMENSIONS)


@pytest.mark.parametrize("text", REFERENCE)
def test_a_vector_is_the_one_of_the_reference_implementation(embedding_model: EmbeddingModel, text: str) -> None:
    vector = embedding_model.embed_documents([text])[0]
    assert vector[:6] == pytest.approx(REFERENCE[text], abs=2e-6)


def test_a_paraphrase_is_near_and_another_topic_far(embedding_model: EmbeddingModel) -> None:
    daughter, paraphrase, database = embedding_model.embed_documents(TEXTS[:3])
    assert daughter @ paraphrase > 0.9
    assert daughter @ database < 0.3


def test_the_company_in_a_batch_does_not_change_a_document(embedding_model: EmbeddingModel) -> None:
    alone = embedding_model.embed_documents([TEXTS[0]])[0]
    among_short = embedding_model.embed_documents([TEXTS[0]] + ["tea"] * 40)[0]
    among_long = embedding_model.embed_documents([*TEXTS, *TEXTS])[0]
    assert np.abs(alone - among_short).max() < 1e-6
    assert np.abs(alone - among_long).max() < 1e-6


def test_the_same_call_gives_the_same_bits(embedding_model: EmbeddingModel) -> None:
    assert np.array_equal(embedding_model.embed_documents(TEXTS), embedding_model.embed_documents(TEXTS))
    assert np.array_equal(embedding_model.embed_query(TEXTS[0]), embedding_model.embed_query(TEXTS[0]))


def test_a_query_vector_meets_the_document_vector_of_the_same_text(embedding_model: EmbeddingModel) -> None:
    for text in TEXTS[:4]:
        query = embedding_model.embed_query(text)
        assert query.shape == (DIMENSIONS,)
        assert float(query @ embedding_model.embed_documents([text])[0]) > 0.97


def test_a_query_is_read_to_its_64th_token_and_a_document_to_its_256th(embedding_model: EmbeddingModel) -> None:
    sixty_two, far = "tea " * 62, "tea " * 254
    assert np.array_equal(embedding_model.embed_query(sixty_two), embedding_model.embed_query(sixty_two + "database"))
    assert np.array_equal(
        embedding_model.embed_documents([far])[0], embedding_model.embed_documents([far + "database"])[0]
    )
    assert not np.array_equal(
        embedding_model.embed_documents([sixty_two])[0], embedding_model.embed_documents([sixty_two + "database"])[0]
    )


def test_half_a_surrogate_pair_is_embedded_rather_than_refused(embedding_model: EmbeddingModel) -> None:
    assert np.linalg.norm(embedding_model.embed_query("tea \ud83d time")) == pytest.approx(1.0, abs=1e-5)
