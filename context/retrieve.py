"""Fetching directive and memories in parallel, under one deadline; what has arrived by then is used."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self
from uuid import UUID

import structlog

from context.desk_read import DeskRead, HotMemory
from context.shown_before import ShownBefore, Talk
from context.stopwatch import Stopwatch
from context.values import Candidate
from ibex.core import metrics

DESK, DIRECTIVE, HOT, COLD, ALIVE, SHOWN = "desk", "directive", "hot", "cold", "alive", "shown"
EXCERPTS = "excerpts"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookup:
    """What is looked for. `end_user` empty: memories of the whole agent only."""

    org_id: UUID
    agent_id: UUID
    end_user: str
    query: str
    shown: frozenset[UUID] = frozenset()
    """Memories and excerpts that this session was shown: are they still to be shown?"""
    cuts: tuple[str, ...] | None = None
    """What the desk said of copies of its memories (`context.desk_read.DeskRead`)."""
    talk: Talk | None = None
    """The conversation whose blocks the desk has forgotten."""
    desk_answers: bool = True
    """Whether what the desk does not know can be put there on the way."""
    watch: Stopwatch


@dataclass(frozen=True, kw_only=True, slots=True)
class Directive:
    """An agent's standing instruction; empty content when it has none."""

    content: str
    version: int
    tokens: int | None = None
    """None: not known."""


class Retriever(Protocol):
    """Where what the desk does not know comes from. Any exception means: not in time."""

    async def directive(self, lookup: Lookup) -> Directive:
        """The directive in force."""
        ...

    async def hot(self, lookup: Lookup) -> Sequence[HotMemory]:
        """What must not wait for the desk to be warm again: the pinned memories."""
        ...

    async def cold(self, lookup: Lookup) -> Sequence[Candidate]:
        """The memories nearest to the query."""
        ...

    async def excerpts(self, lookup: Lookup) -> Sequence[Candidate]:
        """The turns' own words nearest to the query."""
        ...

    async def alive(self, lookup: Lookup) -> Collection[UUID]:
        """Which of the shown memories and excerpts were not deleted, superseded, quarantined or outlived since."""
        ...

    async def shown(self, talk: Talk) -> ShownBefore:
        """What a conversation was shown, where the desk does not know it any more."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    """What there is to assemble from. None: it did not arrive, or was not asked for."""

    directive: Directive | None
    hot: Sequence[HotMemory] | None
    cold: Sequence[Candidate] | None
    excerpts: Sequence[Candidate] | None = None
    missing: tuple[str, ...]
    """What was wanted and did not arrive."""
    gone: frozenset[UUID] = frozenset()
    """Of what was shown, that which must not be shown again; none when that could not be found out."""
    shown: ShownBefore | None = None


class Retrieval:
    """The searches of one call, under way as soon as it is made. Leaving the block cancels what is not done."""

    def __init__(
        self, desk: DeskRead, lookup: Lookup, retriever: Retriever, *, memories: bool, search: bool, quotes: bool
    ) -> None:
        self._desk = desk
        self._shown = lookup.shown
        wanted: dict[str, Coroutine[Any, Any, Any]] = {}
        if desk.directive is None:
            wanted[DIRECTIVE] = retriever.directive(lookup)
        if memories and desk.hot is None:
            wanted[HOT] = retriever.hot(lookup)
        if search:
            wanted[COLD] = retriever.cold(lookup)
        if search and quotes:
            wanted[EXCERPTS] = retriever.excerpts(lookup)
        if lookup.shown:
            wanted[ALIVE] = retriever.alive(lookup)
        if lookup.talk is not None:
            wanted[SHOWN] = retriever.shown(lookup.talk)
        self._tasks = {name: asyncio.create_task(_timed(name, lookup.watch, work)) for name, work in wanted.items()}

    @property
    def is_under_way(self) -> bool:
        """Whether anything was asked for."""
        return bool(self._tasks)

    async def collect(self, deadline: float) -> Retrieved:
        """What has arrived by `deadline` (seconds on the event loop's clock)."""
        if self._tasks:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait(self._tasks.values(), timeout=left)
        arrived = {name: task.result() for name, task in self._tasks.items() if _succeeded(task)}
        known = self._desk.directive
        return Retrieved(
            directive=arrived.get(DIRECTIVE)
            if known is None
            else Directive(content=known, version=self._desk.directive_version, tokens=self._desk.directive_tokens),
            hot=self._desk.hot if self._desk.hot is not None else arrived.get(HOT),
            cold=arrived.get(COLD),
            excerpts=arrived.get(EXCERPTS),
            missing=(*(() if self._desk.is_reachable else (DESK,)), *(n for n in self._tasks if n not in arrived)),
            gone=frozenset(self._shown.difference(arrived.get(ALIVE, self._shown))),
            shown=arrived.get(SHOWN),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nobody waits for what is cancelled; every exception is looked at, and counted."""
        for name, task in self._tasks.items():
            if not task.done():
                metrics.FAIL_OPEN.labels(step=f"context_{name}_late").inc()
                task.cancel()
                task.add_done_callback(_forget)
            elif not _succeeded(task):
                metrics.FAIL_OPEN.labels(step=f"context_{name}").inc()
                error = None if task.cancelled() else task.exception()
                _log.warning("retrieval_failed", source=name, error=type(error).__name__)


async def _timed(name: str, watch: Stopwatch, work: Coroutine[Any, Any, Any]) -> Any:
    with watch.stage(name):
        return await work


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _forget(task: asyncio.Task[Any]) -> None:
    """Look at the exception of a task that nobody waits for, so that it is not reported as unseen."""
    if not task.cancelled():
        task.exception()
