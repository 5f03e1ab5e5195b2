"""Memories and excerpts of busy agents, held in this process: a question to them costs neither round trip nor plan.

1,000 memories are searched here in a tenth of a millisecond and in PostgreSQL in one, of another process's time
(LIMITS section 2). The vault stays the truth. Rows are read under the tenant's policy; a copy is for one desk's `cuts`,
which change with every memory that is taken away or rewritten, so such a copy is never used again; and it is never
older than AGE_MAX_S, by when what was only added is in it. Until a copy is there, the vault is asked. While nothing was
written, which the desk counts, a copy of memories stays good without being read again.

Of memories all are held or none; of excerpts the newest, as what is older has been distilled.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
import numpy.typing as npt
import structlog
from django.db import DatabaseError

from ibex.core import metrics
from ibex.core.redis import RedisError
from memories import desk
from memories.retrieval.arriving import Arrived, arriving
from memories.retrieval.candidates import place_of
from memories.retrieval.near import Vectors
from memories.retrieval.postings import Postings
from memories.retrieval.query import PROMPT_EXCERPT_TOKENS
from memories.slots import Slot

ROWS_MAX = 12_000
"""Memories of one agent and end user: reading them takes about 0.25 s of another thread."""
EXCERPTS_MAX = 5_000
ROWS_KEPT = 30_000
"""Of all copies of a process together: 46 MiB of vectors, and about as much of text."""
AGE_MAX_S = 20.0
RENEWED_AFTER_S = 5.0
READ_WHOLE_AFTER_S = 60.0
"""Also when nothing was written: the desk does not count how often and how usefully a memory was shown."""
TOO_MANY_S = 60.0
"""Before an agent with too many memories is looked at again."""
REST = 50.0
"""A copy is not read again before this many times the CPU time that reading it took here: at most 2 % of a core. It may
be confirmed meanwhile, which costs one question to the desk."""
ASKED_AGAIN_S = 1.0
"""Before the desk is asked about the same copy again."""
PAUSES_KEPT = 10_000
"""Places that are paused; each end user is one. Beyond it all pauses are forgotten, which costs looking again."""

T = TypeVar("T")
Place = tuple[UUID, UUID, str, str]
"""Organization, agent, end user; and which kind of row, memory or excerpt."""
Cuts = tuple[str, ...]

_READ_MEMORIES = f"""
SELECT id, agent_id, end_user, content, category, source, status, confidence, usefulness, injection_count,
       extract(epoch FROM observed_at)::float8, extract(epoch FROM valid_from)::float8, tokens, version, is_pinned,
       session_id, checkpoint_id, NULL::int, '', '', by_operator,
       halfvec_send(CASE WHEN {{model_column}} = %s THEN {{column}} END), tsvector_to_array(search_text),
       coalesce(valid_from, observed_at),
       extract(epoch FROM least(expires_at, valid_until))::float8
  FROM memories_memory
 WHERE org_id = %s AND agent_id = %s AND end_user = ANY(%s) AND status = 'active' AND deleted_at IS NULL
 ORDER BY id LIMIT {ROWS_MAX + 1}
"""  # noqa: S608 - a number of ours
_READ_EXCERPTS = f"""
SELECT id, agent_id, end_user, content, 'episodic', '', 'active', 1.0::float8, 0.5::float8, 0,
       extract(epoch FROM said_at)::float8, NULL::float8, tokens, 1, false,
       session_id, checkpoint_id, turn, role, speaker, false,
       halfvec_send(CASE WHEN {{model_column}} = %s THEN {{column}} END), tsvector_to_array(search_text),
       said_at, extract(epoch FROM expires_at)::float8
  FROM memories_excerpt
 WHERE org_id = %s AND agent_id = %s AND end_user = ANY(%s) AND tokens <= {PROMPT_EXCERPT_TOKENS}
 ORDER BY id DESC LIMIT {EXCERPTS_MAX}
"""  # noqa: S608 - numbers of ours
_READ = {"memory": _READ_MEMORIES, "excerpt": _READ_EXCERPTS}
_TOKENS, _SESSION, _TURN, _ROLE, _SPEAKER = 12, 15, 17, 18, 19
"""Of the columns that `query.Found` takes as they are."""
ROLE_AND_SPEAKER = slice(_ROLE, _SPEAKER + 1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """One agent's and end user's memories, ordered by id, or excerpts, in the order of each session; by columns."""

    kind: str
    cuts: Cuts
    slot: Slot
    read_at: float
    rows: Sequence[tuple[Any, ...]]
    vectors: Vectors
    postings: Postings
    sessions: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    """Of an excerpt in its session, as `candidates.place_of` says; -1 for a memory."""
    speakers: tuple[str, ...]
    """Names that excerpts carry."""
    tokens: npt.NDArray[np.float64]
    times: Sequence[Any]
    ends: npt.NDArray[np.float64]
    """When a row stops being true, in seconds since 1970."""
    writes: tuple[bytes, ...] | None = None
    """What the desk had counted before it was read; None: not known."""
    whole_at: float = 0.0
    """When its rows were read; `read_at` is when they were known to be all."""


class Shelf:
    """The copies of this process; each is read in a thread, one at a time."""

    def __init__(self) -> None:
        self._copies: OrderedDict[Place, Held] = OrderedDict()
        self._rest_until: dict[Place, float] = {}
        self._asked_at: dict[Place, float] = {}
        self._reading: asyncio.Task[None] | None = None

    def get(self, place: Place, cuts: Cuts | None, slot: Slot) -> Held | None:
        """The copy of `place` that fits `cuts`, with the vectors of `slot`; when there is none, one is read in the
        background, if it may be.
        """
        if cuts is None:
            return None
        copy, now = self._copies.get(place), time.monotonic()
        fits = copy is not None and copy.cuts == cuts and copy.slot == slot and now - copy.read_at < AGE_MAX_S
        if not fits or copy is None or now - copy.read_at > RENEWED_AFTER_S:
            self._renew(place, cuts, slot, now)
        if not fits or copy is None:
            return None
        self._copies.move_to_end(place)
        return copy

    async def fill(self, place: Place, cuts: Cuts | None, slot: Slot) -> None:
        """Wait until there is a copy of `place`, if there may be one: for a process that starts, no caller waits."""
        for _ in range(2):  # what is being read may be of another place
            if self.get(place, cuts, slot) is not None or self._reading is None or self._reading.done():
                return
            await asyncio.wait({self._reading})

    @property
    def has_room(self) -> bool:
        """Whether one more copy would not make another one go."""
        return self._rows + ROWS_MAX <= ROWS_KEPT

    def clear(self) -> None:
        """Forget everything."""
        self._copies.clear()
        self._rest_until.clear()
        self._asked_at.clear()

    def _renew(self, place: Place, cuts: Cuts, slot: Slot, now: float) -> None:
        rests = now < self._rest_until.get(place, 0.0)
        has_asked = now < self._asked_at.get(place, -ASKED_AGAIN_S) + ASKED_AGAIN_S
        is_reading = self._reading is not None and not self._reading.done()
        if not is_reading and not has_asked and (place in self._copies or not rests):
            if len(self._asked_at) >= PAUSES_KEPT:
                self._asked_at.clear()
                self._rest_until.clear()
            self._asked_at[place] = now
            self._reading = asyncio.create_task(self._read(place, cuts, slot, may_read=not rests))

    async def _read(self, place: Place, cuts: Cuts, slot: Slot, *, may_read: bool) -> None:
        known = self._copies.get(place)
        try:
            copy, spent_s = await asyncio.to_thread(_timed, renewed, known, place, cuts, slot, may_read=may_read)
        except DatabaseError as error:
            metrics.FAIL_OPEN.labels(step="held").inc()
            _log.warning("memories_not_held", error=type(error).__name__)
            self._copies.pop(place, None)
            return
        if may_read and (copy is None or known is None or copy.whole_at > known.whole_at):
            self._rest_until[place] = time.monotonic() + (TOO_MANY_S if copy is None else spent_s * REST)
        if copy is None:
            self._copies.pop(place, None)
            return
        self._copies[place] = copy
        self._copies.move_to_end(place)
        self._forget_the_oldest()

    @property
    def _rows(self) -> int:
        return sum(len(copy.rows) for copy in self._copies.values())

    def _forget_the_oldest(self) -> None:
        while len(self._copies) > 1 and self._rows > ROWS_KEPT:
            place, _ = self._copies.popitem(last=False)
            self._rest_until.pop(place, None)
            self._asked_at.pop(place, None)


def renewed(copy: Held | None, place: Place, cuts: Cuts, slot: Slot, *, may_read: bool = True) -> Held | None:
    """`copy` when nothing was written since it was read, else a new one, or `copy` as old as it is where none may be
    read. Blocks; for a thread.
    """
    now, writes = time.monotonic(), _writes(place)
    is_known = copy is not None and writes is not None and now - copy.whole_at < READ_WHOLE_AFTER_S
    if copy is not None and is_known and (copy.cuts, copy.slot, copy.writes) == (cuts, slot, writes):
        return replace(copy, read_at=now)
    if not may_read:
        return copy
    made = read(place, cuts, slot, copy)
    return None if made is None else replace(made, writes=writes, whole_at=made.read_at)


def _timed(work: Callable[..., T], *given: Any, **named: Any) -> tuple[T, float]:
    """With the seconds of CPU that this thread spent on it: how long it waited for others says nothing."""
    began = time.thread_time()
    return work(*given, **named), time.thread_time() - began


def _writes(place: Place) -> tuple[bytes, ...] | None:
    """Of excerpts the desk counts nothing."""
    org_id, agent_id, end_user, kind = place
    try:
        return desk.writes(org_id, agent_id, sorted({"", end_user})) if kind == "memory" else None
    except (RedisError, OSError):
        metrics.FAIL_OPEN.labels(step="held_writes").inc()
        return None


def read(place: Place, cuts: Cuts, slot: Slot, known: Held | None = None) -> Held | None:
    """A copy of the rows of `place` as they are now; None when they are too many. Blocks; for a thread.

    What `known` holds in the same words is not held twice.
    """
    org_id, agent_id, end_user, kind = place
    read_at = time.monotonic()
    statement = _READ[kind].format(column=slot.column, model_column=slot.model_column)
    given = [slot.model, org_id, agent_id, sorted({"", end_user})]
    rows = arriving(org_id, statement, given, () if known is None else known.rows)
    return None if len(rows) > ROWS_MAX else held_of(rows, cuts, slot, read_at, kind)


def held_of(rows: Sequence[Arrived], cuts: Cuts, slot: Slot, read_at: float, kind: str = "memory") -> Held:
    """A copy of rows with the columns of `_READ`, excerpts in any order."""
    if kind == "excerpt":
        rows = sorted(rows, key=lambda row: (row.fields[_SESSION], _place_of(row)))
    numbers: dict[UUID, int] = {}
    named = (row.fields[_SESSION] for row in rows)
    sessions = [-1 if session is None else numbers.setdefault(session, len(numbers)) for session in named]
    places = [_place_of(row) if kind == "excerpt" else -1 for row in rows]
    return Held(
        kind=kind,
        cuts=cuts,
        slot=slot,
        read_at=read_at,
        rows=[row.fields for row in rows],
        vectors=Vectors.of([row.vector for row in rows]),
        postings=Postings.of([row.lexemes for row in rows]),
        sessions=np.array(sessions, dtype=np.int64),
        places=np.array(places, dtype=np.int64),
        speakers=tuple(sorted({row.fields[_SPEAKER] for row in rows} - {""})),
        tokens=np.array([row.fields[_TOKENS] for row in rows], dtype=np.float64),
        times=[row.time for row in rows],
        ends=np.array([np.inf if row.end is None else row.end for row in rows], dtype=np.float64),
    )


def _place_of(row: Arrived) -> int:
    return place_of(row.fields[_TURN], row.fields[_ROLE])


shelf = Shelf()
