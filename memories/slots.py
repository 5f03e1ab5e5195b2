"""Which vectors this process searches and stores: a slot of every row, and the model whose vectors are in it.

The vault says which slot serves (`memories.models.VectorSlot`). A process follows when it can: it looks every few
seconds, loads and warms up another model beside the one it uses, and only then changes over, so nobody waits for it.
Until then it goes on with the slot it has; a question and the rows it is compared with are always of one model, because
every statement names both. `memories.rollout` fills and switches the slots.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import connections

from ibex.core import metrics
from memories.embedding import (
    MODEL_NAME,
    EmbeddingUnavailable,
    QueryEmbedder,
    Vector,
    Vectors,
    embed_texts,
    query_embedder,
)
from memories.models import VectorSlot

T = TypeVar("T")

LOOK_EVERY_S = 5.0
LOOK_AGAIN_S = 60.0
"""After a model that could not be loaded, or a vault that was away."""
COLUMNS = {"a": "embedding", "b": "embedding_b"}
NO_VECTORS: dict[str, Any] = {
    column: value for name in COLUMNS.values() for column, value in ((name, None), (f"{name}_model", ""))
}
"""The fields of a row without vectors."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """One of the two places for a vector, with the model that its vectors are of."""

    name: str = "a"
    model: str = MODEL_NAME

    @property
    def column(self) -> str:
        """Where the vector is."""
        return COLUMNS[self.name]

    @property
    def model_column(self) -> str:
        """Where it is recorded which model made it."""
        return f"{self.column}_model"

    def fields(self, vector: Vector) -> dict[str, Any]:
        """What a row is written with: this vector here, and none elsewhere, for that would be another text's."""
        return NO_VECTORS | {self.column: vector.tolist(), self.model_column: self.model}


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """A slot and its model, loaded. `queries` are for the event loop, `embed` is for threads."""

    slot: Slot
    queries: QueryEmbedder = field(repr=False)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n x width) of texts to be stored or compared with what is; blocks."""
        return embed_texts(texts, self.slot.model)

    def built_in(self, texts: Sequence[str], vectors: Vectors) -> Vectors:
        """The vectors of the same texts that classifiers were trained with: the built-in model's, whichever serves."""
        return vectors if self.slot.model == MODEL_NAME else embed_texts(texts)


_current: Serving | None = None
_look_at = 0.0
_load: asyncio.Task[Serving] | None = None
_loading = threading.Lock()


def serving() -> Serving:
    """What this process uses now; the first call loads it and blocks. Raises EmbeddingUnavailable, DatabaseError."""
    if _current is None:
        return _first()
    _look_soon()
    return _current


async def ready() -> Serving:
    """The same, for an event loop: what has to be loaded first keeps only this caller waiting."""
    if _current is None:
        return await asyncio.shield(_first_load())
    _look_soon()
    return _current


def serving_slot() -> Slot:
    """What the vault says now."""
    row = VectorSlot.objects.get(state=VectorSlot.State.SERVING)
    return Slot(name=row.name, model=row.model)


def in_use() -> list[Slot]:
    """The slots that are not empty."""
    rows = VectorSlot.objects.exclude(state=VectorSlot.State.EMPTY).order_by("name")
    return [Slot(name=row.name, model=row.model) for row in rows]


def follow() -> bool:
    """Change over to the slot that the vault names, when its model is loaded and warm; whether that was necessary.

    Blocks while it loads. Raises EmbeddingUnavailable or Django's database errors, and then stays where it is.
    """
    global _current  # noqa: PLW0603 - one state a process
    slot = serving_slot()
    if _current is None or slot == _current.slot:
        return False
    after = _loaded(slot)
    after.queries.warm_up()
    _current = after
    _log.info("vector_slot_changed", slot=slot.name, model=slot.model)
    return True


def _first() -> Serving:
    global _current, _look_at  # noqa: PLW0603 - one state a process
    with _loading:
        if _current is None:
            _current = _loaded(serving_slot())
            _look_at = time.monotonic() + LOOK_EVERY_S
        return _current


def _first_load() -> asyncio.Task[Serving]:
    """One thread loads, however many callers wait, and goes on when they have given up."""
    global _load  # noqa: PLW0603 - one state a process
    loop = asyncio.get_running_loop()
    if _load is None or _load.done() or _load.get_loop() is not loop:
        _load = loop.create_task(asyncio.to_thread(_apart, serving))
        _load.add_done_callback(lambda task: task.cancelled() or task.exception())
    return _load


def _loaded(slot: Slot) -> Serving:
    return Serving(slot=slot, queries=query_embedder(slot.model))


def _look_soon() -> None:
    """Every few seconds, one thread at a time, whoever asks."""
    global _look_at  # noqa: PLW0603 - one state a process
    now = time.monotonic()
    if now >= _look_at:
        _look_at = float("inf")
        threading.Thread(target=_apart, args=(_look,), name="vector-slot", daemon=True).start()


def _look() -> None:
    """Follow; a process that cannot goes on with the slot it has, which is logged and counted."""
    global _look_at  # noqa: PLW0603 - one state a process
    pause = LOOK_AGAIN_S
    try:
        follow()
        pause = LOOK_EVERY_S
    except (DatabaseError, EmbeddingUnavailable) as error:
        metrics.FAIL_OPEN.labels(step="vector_slot").inc()
        _log.error("vector_slot_not_followed", error=type(error).__name__)
    finally:
        _look_at = time.monotonic() + pause


def _apart(do: Callable[[], T]) -> T:
    """Run in a thread of its own, or of a pool: its connection goes when it is done."""
    try:
        return do()
    finally:
        connections["default"].close()


def _forget_after_fork() -> None:
    """A child process has none of its parent's threads, and perhaps a lock that one of them held."""
    global _current, _look_at, _loading
    _current, _look_at, _loading = None, 0.0, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
