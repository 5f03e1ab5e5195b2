"""The queue in front of the model: bounded, cached, and honest when it is full."""

from __future__ import annotations

import asyncio
import os
import threading

import numpy as np
import pytest

from memories.embedding import EmbeddingBusy, EmbeddingModel, QueryEmbedder, embed_texts, query_embedder
from memories.embedding.cache import LruCache
from memories.embedding.service import normalise


class GatedModel(EmbeddingModel):
    """A real seam double: embeds nothing until the gate opens, and remembers what it was asked."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked: list[str] = []

    def embed_query(self, text: str) -> np.ndarray:
        self.asked.append(text)
        assert self.gate.wait(30)
        return np.ones(384, dtype=np.float32)


async def _until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's
            await asyncio.sleep(0)


async def test_a_query_gets_the_models_vector(embedder: QueryEmbedder, embedding_model: EmbeddingModel) -> None:
    vector = await embedder.embed("  Where does  Mira go to school? ")
    assert np.array_equal(vector, embedding_model.embed_query("where does mira go to school?"))


async def test_a_repeated_query_is_answered_from_the_cache(embedder: QueryEmbedder) -> None:
    first = await embedder.embed("Where does Mira go to school?")
    again = await embedder.embed("where  does Mira go to SCHOOL?")
    assert again is first
    assert embedder.cache.hits == 1


async def test_a_shared_vector_cannot_be_changed_by_one_caller(embedder: QueryEmbedder) -> None:
    vector = await embedder.embed("tea")
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1.0


async def test_a_kept_vector_holds_nothing_of_the_models_working_memory(embedder: QueryEmbedder) -> None:
    assert (await embedder.embed("tea")).flags.owndata


async def test_the_cache_forgets_what_was_used_longest_ago(embedder: QueryEmbedder) -> None:
    for text in ("one", "two", "three", "one", "four"):
        await embedder.embed(text)
    assert len(embedder.cache) == 3
    assert embedder.cache.get("two") is None
    assert embedder.cache.get("one") is not None


async def test_a_full_queue_refuses_at_once_and_recovers() -> None:
    gated = GatedModel()
    embedder = QueryEmbedder(gated, threads=1, limit=2)
    waiting = [asyncio.create_task(embedder.embed(text)) for text in ("a", "b")]
    await _until(lambda: embedder.in_flight == 2)
    with pytest.raises(EmbeddingBusy):
        await embedder.embed("c")
    gated.gate.set()
    await asyncio.gather(*waiting)
    await _until(lambda: embedder.in_flight == 0)
    assert (await embedder.embed("c")).shape == (384,)
    embedder.close()


async def test_a_cached_query_is_answered_while_the_queue_is_full() -> None:
    gated = GatedModel()
    embedder = QueryEmbedder(gated, threads=1, limit=1)
    embedder.cache.put("known", np.zeros(384, dtype=np.float32))
    waiting = asyncio.create_task(embedder.embed("slow"))
    await _until(lambda: embedder.in_flight == 1)
    assert (await embedder.embed("Known")).sum() == 0
    gated.gate.set()
    await waiting
    embedder.close()


async def test_a_caller_who_gives_up_in_the_queue_costs_nothing() -> None:
    gated = GatedModel()
    embedder = QueryEmbedder(gated, threads=1, limit=2)
    running = asyncio.create_task(embedder.embed("running"))
    await _until(lambda: gated.asked == ["running"])
    waiting = asyncio.create_task(embedder.embed("given up"))
    await _until(lambda: embedder.in_flight == 2)
    waiting.cancel()
    await _until(lambda: embedder.in_flight == 1)
    gated.gate.set()
    await running
    assert gated.asked == ["running"]
    embedder.close()


async def test_many_callers_at_once_each_get_their_own_vector(embedding_model: EmbeddingModel) -> None:
    embedder = QueryEmbedder(embedding_model, threads=2, limit=64)
    embedder.warm_up()
    texts = [f"the user owns {number} bicycles" for number in range(40)]
    vectors = await asyncio.gather(*(embedder.embed(text) for text in texts))
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(vector, embedding_model.embed_query(text))
    embedder.close()


def test_texts_to_store_come_back_in_order_with_repeats(embedding_model: EmbeddingModel) -> None:
    texts = ["tea", "a bicycle", "tea", "the port is 5432"]
    vectors = embed_texts(texts)
    assert np.array_equal(vectors[0], vectors[2])
    assert np.allclose(vectors, embedding_model.embed_documents(texts), atol=1e-6)
    assert np.array_equal(embed_texts(list(reversed(texts))), vectors[::-1])
    assert embed_texts([]).shape == (0, 384)


def test_the_process_has_one_query_embedder() -> None:
    assert query_embedder() is query_embedder()


def test_a_forked_child_can_embed() -> None:
    expected = embed_texts(["tea in the morning"])
    child = os.fork()
    if child == 0:  # pragma: no cover - runs in the child
        os._exit(0 if np.allclose(embed_texts(["tea in the morning"]), expected, atol=1e-6) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_cached_form_of_a_query_ignores_case_and_spaces() -> None:
    assert normalise(" Tea\n in  THE morning ") == "tea in the morning"
    assert len(normalise("word " * 10_000)) <= 2_048


def test_a_cache_counts_hits_and_misses() -> None:
    cache: LruCache[str, int] = LruCache(2)
    cache.put("a", 1)
    assert (cache.get("a"), cache.get("b")) == (1, None)
    assert (cache.hits, cache.misses) == (1, 1)
