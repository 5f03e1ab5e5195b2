"""Questions' vectors by threads without Python."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from memories.embedding import EmbeddingBusy, EmbeddingModel, QueryEmbedder
from memories.embedding.threads import EncoderThreads, code

pytestmark = pytest.mark.skipif(code() is None, reason="this machine compiles no C: Python's threads serve")


@pytest.fixture
async def threads(embedding_model: EmbeddingModel) -> AsyncIterator[EncoderThreads]:
    made = embedding_model.question_threads(1)
    if made is None:
        pytest.skip("onnxruntime is faster on this processor")
    yield made
    made.stop()


@pytest.fixture
def wide(embedding_model: EmbeddingModel) -> Iterator[QueryEmbedder]:
    made = QueryEmbedder(embedding_model, threads=2, limit=64, cache_entries=64)
    yield made
    made.close()


async def test_a_vector_is_that_of_the_model(threads: EncoderThreads, embedding_model: EmbeddingModel) -> None:
    assert np.array_equal(await threads.submit("where is mira?"), embedding_model.embed_query("where is mira?"))


async def test_many_at_once_each_get_their_own(wide: QueryEmbedder, embedding_model: EmbeddingModel) -> None:
    wide.attach()
    texts = [f"the user owns {number} bicycles" for number in range(40)]
    vectors = await asyncio.gather(*map(wide.embed, texts))
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(vector, embedding_model.embed_query(text))
    assert wide.in_flight == 0


async def test_what_was_made_is_kept_and_cannot_be_changed(wide: QueryEmbedder) -> None:
    wide.attach()
    vector = await wide.embed("tea")
    assert await wide.embed("Tea") is vector
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1.0


async def test_a_full_queue_refuses_at_once_and_recovers(embedding_model: EmbeddingModel) -> None:
    embedder = QueryEmbedder(embedding_model, threads=1, limit=2)
    embedder.attach()
    waiting = [asyncio.ensure_future(embedder.embed(text)) for text in ("a", "b")]
    await asyncio.sleep(0)
    with pytest.raises(EmbeddingBusy):
        await embedder.embed("c")
    await asyncio.gather(*waiting)
    assert (await embedder.embed("c")).shape == (384,)
    embedder.close()


async def test_one_that_is_cancelled_in_the_queue_is_not_made(threads: EncoderThreads) -> None:
    first, second, third = (threads.submit(text) for text in ("one", "two", "three"))
    second.cancel()
    await asyncio.sleep(0)
    assert threads.in_flight == 2
    await asyncio.gather(first, third)
    assert threads.in_flight == 0


async def test_one_that_is_cancelled_while_a_thread_is_at_it_harms_nobody(threads: EncoderThreads) -> None:
    for number in range(50):
        given_up = threads.submit(f"given up {number}")
        given_up.cancel()
        await asyncio.sleep(0)
    gc.collect()
    assert np.linalg.norm(await threads.submit("tea")) == pytest.approx(1, abs=1e-5)
    assert threads.in_flight == 0


async def test_another_event_loop_has_pythons_threads(wide: QueryEmbedder, embedding_model: EmbeddingModel) -> None:
    wide.attach()
    vector = await asyncio.to_thread(lambda: asyncio.run(wide.embed("tea")))
    assert np.array_equal(vector, embedding_model.embed_query("tea"))


async def test_after_the_end_pythons_threads_serve(wide: QueryEmbedder, embedding_model: EmbeddingModel) -> None:
    wide.attach()
    wide.detach()
    wide.detach()
    assert np.array_equal(await wide.embed("tea"), embedding_model.embed_query("tea"))


async def test_who_waits_at_the_end_is_cancelled(threads: EncoderThreads) -> None:
    waiting = [threads.submit(f"question {number}") for number in range(8)]
    threads.stop()
    assert all(future.cancelled() for future in waiting)


def test_an_event_loop_that_was_closed_is_left_without_harm(wide: QueryEmbedder) -> None:
    async def begin() -> None:
        wide.attach()

    asyncio.run(begin())
    asyncio.run(begin())
    assert asyncio.run(wide.embed("tea")).shape == (384,)


def test_a_process_may_end_while_they_are_at_work() -> None:
    script = """
import asyncio
from memories.embedding import query_embedder
async def main():
    embedder = query_embedder()
    embedder.attach()
    for number in range(8):
        asyncio.ensure_future(embedder.embed(f"question {number} about the garden and the weather"))
    await asyncio.sleep(0)
asyncio.run(main())
"""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "ibex.settings"}
    for _ in range(3):
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60, env=environment)
