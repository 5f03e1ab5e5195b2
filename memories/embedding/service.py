"""Who asks for vectors: the web process for one query at a time, workers for texts to be stored.

A model is asked for by its name; without one it is the built-in model, with which our classifiers were trained. Which
model's vectors are stored and searched is the vault's to say: `memories.slots`.

Both keep what they made in a bounded cache of their process; neither waits to collect a batch (a window makes the tail
worse at every rate up to 300 queries a second).
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import numpy as np

from ibex.env import env
from memories.embedding.backends import Model, load
from memories.embedding.cache import LruCache
from memories.embedding.errors import EmbeddingBusy
from memories.embedding.model import MODEL_NAME, QUERY_CHARACTERS, Vectors
from memories.embedding.queries import Vector
from memories.embedding.threads import EncoderThreads

QUERY_CACHE_ENTRIES = 1_024  # 2 KiB each; who asks the same again does so soon: another turn of tools, another try
DOCUMENT_CACHE_ENTRIES = 4_096
MODELS = 3  # of a process: the built-in one, which classifiers know, the one that serves, and the one that comes next
IN_FLIGHT_A_THREAD = 8  # at 4 ms a query the last of them waits about 30 ms; assembly has 45

_loading = Lock()
_models: dict[str, Model] = {}
_query_embedders: dict[str, QueryEmbedder] = {}
_document_cache: LruCache[bytes, Vector] = LruCache(DOCUMENT_CACHE_ENTRIES)


class _Asked:
    """One text that is being embedded, for all who ask at the same time: a call asks twice, for memories and excerpts.

    Of one event loop; the last who gives up takes it out of the queue.
    """

    def __init__(self, answer: asyncio.Future[Vector]) -> None:
        self.answer = answer
        self.waiting = 0


class QueryEmbedder:
    """Queries to vectors on threads of its own, never more than `limit` in flight.

    In an event loop that it is attached to these are threads without Python, where the model has such; anywhere else
    they are Python's. A text seen lately costs no thread hop. Vectors are shared between callers, therefore read-only.
    """

    def __init__(
        self,
        embedding_model: Model,
        *,
        threads: int,
        limit: int | None = None,
        cache_entries: int = QUERY_CACHE_ENTRIES,
    ) -> None:
        self.limit = limit or threads * IN_FLIGHT_A_THREAD
        self.cache: LruCache[str, Vector] = LruCache(cache_entries)
        self._model = embedding_model
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed-query")
        self._attached: EncoderThreads | None = None
        self._in_pool = 0
        self._counting = Lock()
        self._asked: dict[tuple[asyncio.AbstractEventLoop, str], _Asked] = {}

    @property
    def in_flight(self) -> int:
        """Queries that wait for a thread or are on one."""
        return self._in_pool + (self._attached.in_flight if self._attached else 0)

    def attach(self) -> None:
        """Serve the running event loop by threads without Python, if the model has them, until `detach`."""
        self.detach()
        self._attached = self._model.question_threads(self._threads)

    def detach(self) -> None:
        """End those threads. What waits for them is cancelled; what comes later goes to Python's."""
        attached, self._attached = self._attached, None
        if attached is not None:
            attached.stop()

    async def embed(self, text: str) -> Vector:
        """The vector of `text`. Raises EmbeddingBusy at once when `limit` queries are in flight.

        A caller that is cancelled gives its place back, unless its text is being embedded already.
        """
        key = normalise(text, ignores_case=self._model.ignores_case)
        cached = self.cache.get(key)
        if cached is not None:
            return cached
        place = (asyncio.get_running_loop(), key)
        asked = self._asked.get(place)
        if asked is None:
            asked = self._asked[place] = _Asked(self._submit(key))
        asked.waiting += 1
        try:
            return await asyncio.shield(asked.answer)
        finally:
            asked.waiting -= 1
            if not asked.waiting:
                asked.answer.cancel()
                if self._asked.get(place) is asked:
                    del self._asked[place]

    def warm_up(self) -> None:
        """Load the model and run each thread once, so that the first caller waits for nothing. Blocks."""
        for job in [self._pool.submit(self._model.embed_query, "warm up") for _ in range(self._threads)]:
            job.result()

    def close(self) -> None:
        """Refuse new queries and drop those that wait."""
        self.detach()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, key: str) -> asyncio.Future[Vector]:
        attached = self._attached
        if attached is None or attached.loop is not asyncio.get_running_loop():
            return asyncio.wrap_future(self._submit_to_pool(key))
        if self.in_flight >= self.limit:
            raise EmbeddingBusy
        answer = attached.submit(key)
        # Before anybody who waits for it goes on: callbacks are called in the order in which they were added.
        answer.add_done_callback(lambda done: None if done.cancelled() else self._keep(key, done.result()))
        return answer

    def _submit_to_pool(self, key: str) -> Future[Vector]:
        with self._counting:
            if self.in_flight >= self.limit:
                raise EmbeddingBusy
            self._in_pool += 1
        try:
            job = self._pool.submit(self._embed, key)
        except BaseException:
            self._leave()
            raise
        job.add_done_callback(self._leave)
        return job

    def _embed(self, key: str) -> Vector:
        # A copy: the model's own answer may hold a place of its working memory, which then grows around what is kept.
        return self._keep(key, self._model.embed_query(key).copy())

    def _keep(self, key: str, vector: Vector) -> Vector:
        self.cache.put(key, _frozen(vector))
        return vector

    def _leave(self, _job: Future[Vector] | None = None) -> None:
        with self._counting:
            self._in_pool -= 1


def normalise(text: str, *, ignores_case: bool = True) -> str:
    """The form under which a query is cached: the model sees no run of spaces, and perhaps no capitals either."""
    spaced = " ".join(text[:QUERY_CHARACTERS].split())
    return spaced.lower() if ignores_case else spaced


def embed_texts(texts: Sequence[str], name: str = MODEL_NAME) -> Vectors:
    """Vectors (n x width) of texts to be stored, in their order; blocks. What was seen lately is not redone.

    Raises EmbeddingUnavailable.
    """
    keys = [_key(text, name) for text in texts]
    known = {key: vector for key in set(keys) if (vector := _document_cache.get(key)) is not None}
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        for key, vector in zip(missing, model(name).embed_documents(list(missing.values())), strict=True):
            known[key] = _frozen(vector.copy())
            _document_cache.put(key, known[key])
    if not keys:
        return model(name).embed_documents([])
    vectors: Vectors = np.stack([known[key] for key in keys])
    return vectors


def model(name: str = MODEL_NAME) -> Model:
    """The process's model of that name, loaded once. Raises EmbeddingUnavailable."""
    loaded = _models.get(name)  # who has a model never waits for another one to load
    if loaded is None:
        with _loading:
            loaded = _models.get(name) or load(name)
            _models[name] = loaded
            for other in [kept for kept in _models if kept != MODEL_NAME][: 1 - MODELS]:
                del _models[other]
                _query_embedders.pop(other, None)
    return loaded


def query_embedder(name: str = MODEL_NAME) -> QueryEmbedder:
    """The process's query embedder of that model, made once. Raises EmbeddingUnavailable."""
    loaded = model(name)
    with _loading:
        if name not in _query_embedders:
            _query_embedders[name] = QueryEmbedder(loaded, threads=env().embedding_threads)
        return _query_embedders[name]


def _key(text: str, name: str) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + text.encode("utf-8", "surrogatepass")).digest()


def _frozen(vector: Vector) -> Vector:
    vector.setflags(write=False)
    return vector


def _forget_after_fork() -> None:
    """A child process has none of its parent's threads, and perhaps a lock that one of them held."""
    global _loading, _document_cache  # noqa: PLW0603 - both are per process by definition
    _loading = Lock()
    _document_cache = LruCache(DOCUMENT_CACHE_ENTRIES)
    _query_embedders.clear()


def detach_all() -> None:
    """End what serves event loops: when one ends, and before the interpreter gives back the memory of the weights."""
    for embedder in list(_query_embedders.values()):
        embedder.detach()


os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(detach_all)
