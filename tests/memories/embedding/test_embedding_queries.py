"""A question's vector by the compiled encoder, and by its twin."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ibex.core.native import library
from ibex.env import env
from memories.embedding import EmbeddingModel, EmbeddingUnavailable, load_model, prepare
from memories.embedding.model import QUERY_TOKENS
from memories.embedding.queries import SOURCE, WORDS, NativeEncoder, native_encoder

TEXT = (
    "Mira's daughter starts school in August, and before that we want to spend two weeks in Portugal with her "
    "grandparents; which of the flights that I looked at in March was the cheapest, and did I book the hotel in Porto "
    "that has the garden, or only the one near the station in Lisbon, which did not take dogs? 日本語 naïve 4711 €"
)

pytestmark = pytest.mark.skipif(library(SOURCE) is None, reason="this machine compiles no C: its twin is used")


@pytest.fixture(scope="module")
def encoder() -> NativeEncoder:
    made = native_encoder(prepare(env().built_dir).packed, tokens=QUERY_TOKENS)
    if made is None:
        pytest.skip("onnxruntime is faster on this processor")
    return made


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    """The model on a machine that compiles nothing."""
    with monkeypatch.context() as patched:
        patched.setenv("IBEX_NATIVE_CODE", "false")
        _forget()
        made = load_model(tmp_path)
        made.embed_query("the encoder is chosen at the first question")
    _forget()
    return made


def _forget() -> None:
    env.cache_clear()
    library.cache_clear()


def test_a_text_of_every_length_has_the_vector_of_the_twin(
    embedding_model: EmbeddingModel, twin: EmbeddingModel
) -> None:
    words = TEXT.split()
    for count in range(1, len(words) + 1):
        text = " ".join(words[:count])
        assert float(embedding_model.embed_query(text) @ twin.embed_query(text)) > 0.998, text


def test_a_vector_has_length_one(encoder: NativeEncoder) -> None:
    for count in range(1, QUERY_TOKENS + 1):
        assert np.linalg.norm(encoder.run([101, *range(2_000, 2_000 + count)][:count])) == pytest.approx(1, abs=1e-5)


def test_threads_that_share_it_get_the_same_bits(encoder: NativeEncoder) -> None:
    texts = [[101, *range(start, start + start % 60), 102] for start in range(1_000, 1_200)]
    alone = [encoder.run(ids) for ids in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(encoder.run, texts))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("ids", [[], [101] * (QUERY_TOKENS + 1), [101, -1, 102], [101, WORDS, 102]])
def test_what_no_tokenizer_makes_is_refused(encoder: NativeEncoder, ids: list[int]) -> None:
    with pytest.raises(ValueError, match=str(len(ids))):
        encoder.run(ids)


def test_weights_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    packed = prepare(env().built_dir).packed
    (tmp_path / "half").write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    with pytest.raises(EmbeddingUnavailable):
        native_encoder(tmp_path / "half", tokens=QUERY_TOKENS)
