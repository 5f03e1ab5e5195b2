"""Vectors: their shape, their meaning, and that storing the same text twice stores the same vector."""

from __future__ import annotations

import numpy as np
import pytest

from memories.embedding import DIMENSIONS, EmbeddingModel
from memories.embedding.encoder import Graph, build_model
from memories.embedding.graph import weights_folder
from memories.embedding.model import BATCH_PADDING, DOCUMENT_TOKENS, Vectors, _batches

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


def test_documents_become_unit_vectors_in_the_order_given(embedding_model: EmbeddingModel) -> None:
    vectors = embedding_model.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(embedding_model.embed_documents([text])[0] @ vector) > 0.999999


def in_full_precision(texts: list[str]) -> Vectors:
    """Vectors of the same encoder with its weights as they are."""
    from onnxruntime import InferenceSession
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(weights_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(DOCUMENT_TOKENS)
    model = build_model(Graph(weights=load_file(weights_folder() / "model.safetensors")))
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    vectors = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        vectors.append(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
    return np.stack(vectors)


def test_no_documents_give_no_vectors(embedding_model: EmbeddingModel) -> None:
    assert embedding_model.embed_documents([]).shape == (0, DIMENSIONS)


def test_a_vector_is_near_the_one_in_full_precision(embedding_model: EmbeddingModel) -> None:
    exact = in_full_precision(TEXTS)
    cosines = np.einsum("ij,ij->i", embedding_model.embed_documents(TEXTS), exact)
    assert cosines.mean() > 0.995
    assert cosines.min() > 0.99


def test_in_full_precision_the_graph_is_the_reference_implementation() -> None:
    (vector,) = in_full_precision(["The production database listens on port 5432."])
    # First six components as sentence-transformers 6.2 / torch 2.13 compute them from the same weights.
    reference = [0.0297735, -0.0491693, -0.1332624, -0.0721915, -0.0407194, -0.0581876]
    assert vector[:6] == pytest.approx(reference, abs=2e-6)


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


def test_a_question_has_the_vector_of_a_document_that_says_the_same(embedding_model: EmbeddingModel) -> None:
    documents = embedding_model.embed_documents(TEXTS[:4])
    for text, document in zip(TEXTS[:4], documents, strict=True):
        query = embedding_model.embed_query(text)
        assert query.shape == (DIMENSIONS,)
        assert float(query @ document) > 0.998, "made by another encoder, of the same weights"


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


def test_texts_of_like_length_share_a_run_so_that_little_is_padding() -> None:
    lengths = [11, 20, 15, 15, 12, 19, 40, 14, 14, 13]
    runs = _batches(lengths, threads=1)
    assert sorted(index for run in runs for index in run) == list(range(len(lengths)))
    for run in runs:
        longest = max(lengths[index] for index in run)
        assert sum(longest - lengths[index] for index in run) <= BATCH_PADDING
    assert len(runs) < len(set(lengths))
