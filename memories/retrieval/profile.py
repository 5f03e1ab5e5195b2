"""Making the profiles that searches go by: behind the backs of callers, whose searches have no time for counting."""

from __future__ import annotations

import asyncio

import structlog

from ibex.core import metrics
from ibex.core.tenancy import scope
from memories.retrieval import indexes, statements
from memories.retrieval.drive import Plan, Step, drive, drive_sync
from memories.retrieval.query import Query
from memories.retrieval.vocabulary import COUNTED_MAX, KEPT_S, Place, Profile, profiles
from memories.retrieval.words import Vocabulary
from memories.slots import Slot

_log = structlog.get_logger(__name__)
_being_made: dict[Place, asyncio.Task[Profile]] = {}


async def profile_of(query: Query, kind: str, slot: Slot) -> Profile:
    """What is known of the rows that `query` asks. Only the first to ask waits for it, and even when that caller gives
    up it is finished. Raises psycopg's errors when the vault is away and nothing is known yet.
    """
    place = _place(query, kind, slot)
    fresh = profiles.get(place)
    if fresh is not None:
        return fresh
    making = _being_made.get(place)
    if making is None or making.get_loop() is not asyncio.get_running_loop():
        making = asyncio.create_task(drive(query.org_id, _profile(query, kind, slot)))
        _being_made[place] = making
        making.add_done_callback(lambda done: _made(place, done))
    kept = profiles.get(place, younger_than_s=KEPT_S)
    return kept if kept is not None else await asyncio.shield(making)


def profile_of_sync(query: Query, kind: str, slot: Slot) -> Profile:
    """The same for pages, REST and workers; opens the tenant's scope itself."""
    fresh = profiles.get(_place(query, kind, slot))
    if fresh is not None:
        return fresh
    with scope(query.org_id):
        return drive_sync(_profile(query, kind, slot))


def _made(place: Place, done: asyncio.Task[Profile]) -> None:
    if _being_made.get(place) is done:
        del _being_made[place]
    if not done.cancelled() and (error := done.exception()):
        metrics.FAIL_OPEN.labels(step="profile").inc()
        _log.warning("profile_not_made", error=type(error).__name__)


def _profile(query: Query, kind: str, slot: Slot) -> Plan[Profile]:
    place = statements.place(query)
    counting = Step(statement=statements.count_of_rows(kind, query), given=place | {"most": COUNTED_MAX})
    rows = (yield counting)[0][0]
    counts = dict((yield Step(statement=statements.sample_of_words(kind, query.agent_id))))
    speakers: list[str] = []
    if kind == "excerpt":
        speakers = (yield Step(statement=statements.speakers(query), given=place))[0][0] or []
    has_index = False
    if query.agent_id is not None and rows > indexes.EXACT_ROWS:
        looked_up = {"index": indexes.index_name(kind, query.agent_id, slot)}
        has_index = (yield Step(statement=indexes.IS_READY, given=looked_up))[0][0]
    profile = Profile(
        vocabulary=Vocabulary(rows=rows, sampled=min(rows, statements.SAMPLE_ROWS), counts=counts),
        speakers=tuple(speakers),
        has_index=has_index,
    )
    profiles.put(_place(query, kind, slot), profile)
    return profile


def _place(query: Query, kind: str, slot: Slot) -> Place:
    return query.org_id, query.agent_id, query.end_user, kind, slot.name
