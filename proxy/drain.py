"""Moves journaled turns from the Redis Stream into the vault, in batches, exactly once and in order.

One drain is at work at a time: the one that holds an advisory lock, in the very transaction that writes the batch. So
what an earlier drain has read and not acknowledged is nobody's any more and is taken up first, at once; turns of one
session are numbered in the order they were journaled; and a drain that was taken for dead can no longer write. Entries
are acknowledged after the commit. One that cannot be written on its own becomes a dead letter and blocks nothing.

Turns that Redis failed come through the spool, and are sorted in with those of the same batch by their time. After an
outage that is longer than a batch, later turns of a session may bear the lower numbers.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import Error, connection, transaction

from ibex.core import metrics
from ibex.core.redis import RedisError, ResponseError, redis
from proxy.dead_letters import DeadLetter, bury
from proxy.entry import TurnEntry
from proxy.journal import FIELD, GROUP, STREAM, spool_folder
from proxy.vault_writer import write_turns

BATCH = 200
BATCH_BYTES = 16 << 20
"""Of entries as they were journaled: one may hold a few megabytes, and is several times as large when it is read."""
FIRST_BATCH = 50
"""A drain begins small, then doubles: one that ran out of memory must not meet the same batch again."""
BLOCK_MS = 1_000
CONSUMER = "drain"
"""Every drain's name: what one leaves unacknowledged is the next one's."""
STUCK_MS = 30_000
"""A drain that holds the lock and is silent for so long loses it: it hangs, or its machine is gone."""
CONTENT_ERRORS = ("22", "23", "54")
"""Classes of SQLSTATE that speak of the rows (data, constraints, sizes). Any other speaks of the server: wait."""

_TAKE_LOCK = """
SELECT set_config('idle_in_transaction_session_timeout', %s, true), pg_try_advisory_xact_lock(hashtextextended(%s, 0))
"""
_log = structlog.get_logger(__name__)
Row = tuple[bytes, dict[bytes, bytes] | None]


class Drain:
    """The consumer of the journal's group, as long as it holds the lock."""

    def __init__(self) -> None:
        self.has_more = False
        """Whether the last step was full, so that the next one will find something."""
        self._count = FIRST_BATCH
        self._has_replayed = False

    def open(self) -> None:
        """Make the consumer group; harmless when it exists."""
        try:
            redis().xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def step(self, block_ms: int = BLOCK_MS) -> int | None:
        """Replay the spool and move one batch. Returns how many entries it held; None: another drain is at work.

        Raises RedisError or a database's error when a server is away: nothing is acknowledged then.
        """
        self._has_replayed |= replay_spool() > 0
        # The wait for entries is inside the transaction because the lock is; a transaction that waits has no snapshot.
        with transaction.atomic():
            if not _is_first():
                return None
            rows = self._rows(block_ms)
            letters = _write(rows)
        _acknowledge(rows, letters)
        self._has_replayed = False
        return len(rows)

    def _rows(self, block_ms: int) -> list[Row]:
        """The next batch. Replayed turns stand behind later ones in the stream: a whole batch is read, to be sorted."""
        count = BATCH if self._has_replayed else self._count
        rows = _unacknowledged(count)
        if not rows or self._has_replayed:
            rows += _next(count, 0 if rows else block_ms)
        self.has_more = len(rows) >= count
        self._count = _next_count(rows, count)
        if rows and replay_spool():
            rows += _next(BATCH, 0)  # turns that came before those, and went another way
        return rows


def _is_first() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_LOCK, [str(STUCK_MS), STREAM])
        return bool(cursor.fetchone()[1])


def _next_count(rows: Sequence[Row], count: int) -> int:
    """How many entries to ask for, so that they are about BATCH_BYTES if they are like these."""
    size = sum(len(fields.get(FIELD, b"")) for _, fields in rows if fields)
    return max(1, min(BATCH, 2 * count, BATCH_BYTES * len(rows) // size if size else BATCH))


def _unacknowledged(count: int) -> list[Row]:
    """Entries that were read before, by whomever: that drain no longer holds the lock."""
    answer: Any = redis().xautoclaim(STREAM, GROUP, CONSUMER, min_idle_time=0, start_id="0-0", count=count)
    return [(row[0], row[1]) for row in answer[1]]


def _next(count: int, block_ms: int) -> list[Row]:
    answer: Any = redis().xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=count, block=block_ms or None)
    if isinstance(answer, dict):  # RESP3
        return [(row[0], row[1]) for batches in answer.values() for batch in batches for row in batch]
    return [(row[0], row[1]) for _, batch in answer or [] for row in batch]


def _write(rows: Sequence[Row]) -> list[DeadLetter]:
    by_org: dict[UUID, list[TurnEntry]] = defaultdict(list)
    letters: list[DeadLetter] = []
    for _, fields in rows:
        raw = (fields or {}).get(FIELD, b"")
        entry = _parsed(raw)
        if isinstance(entry, TurnEntry):
            by_org[UUID(entry.org_id)].append(entry)
        elif entry:
            letters.append(entry)
    for org_id, entries in by_org.items():
        letters += _write_org(org_id, entries)
    return letters


def _write_org(org_id: UUID, entries: Sequence[TurnEntry]) -> list[DeadLetter]:
    failure = _failure(org_id, entries)
    if failure is None:
        metrics.DRAINED.labels(outcome="written").inc(len(entries))
        return []
    if len(entries) > 1:
        half = len(entries) // 2
        return [*_write_org(org_id, entries[:half]), *_write_org(org_id, entries[half:])]
    return [_letter(org_id, entries[0].to_bytes(), type(failure).__name__)]


def _failure(org_id: UUID, entries: Sequence[TurnEntry]) -> Exception | None:
    """Write them; what went wrong, if these very entries are to blame. What the servers are to blame for is raised."""
    try:
        write_turns(org_id, entries)
    except (RedisError, OSError, MemoryError):
        raise
    except Error as error:
        if not (getattr(error.__cause__, "sqlstate", None) or "").startswith(CONTENT_ERRORS):
            raise
        return error
    except Exception as error:  # noqa: BLE001 - the boundary: an entry that breaks our code must not stop the others
        return error
    return None


def _letter(org_id: UUID, raw: bytes, why: str) -> DeadLetter:
    metrics.DRAINED.labels(outcome="dead_letter").inc()
    _log.error("journal_entry_buried", why=why, org_id=str(org_id))
    return DeadLetter(org_id=org_id, raw=raw, why=why)


def _acknowledge(rows: Sequence[Row], letters: Sequence[DeadLetter]) -> None:
    if not rows:
        return
    row_ids = [row_id for row_id, _ in rows]
    with redis().pipeline(transaction=True) as pipe:
        bury(pipe, letters)
        pipe.xack(STREAM, GROUP, *row_ids)
        pipe.xdel(STREAM, *row_ids)
        pipe.execute()


def _parsed(raw: bytes) -> TurnEntry | DeadLetter | None:
    """The turn; a dead letter where only the organization can be read, as of an entry of another version; else None.

    What has no organization is not kept: no erasure could find it. It can only be a line that a crash cut off, whose
    caller never saw the end of the turn.
    """
    try:
        entry = TurnEntry.from_bytes(raw)
        UUID(entry.org_id)
    except (ValueError, TypeError, AttributeError):
        return _misread(raw)
    return entry


def _misread(raw: bytes) -> DeadLetter | None:
    try:
        return _letter(UUID(orjson.loads(raw)["org_id"]), raw, "unreadable")
    except (ValueError, TypeError, KeyError, AttributeError):
        metrics.DRAINED.labels(outcome="unreadable").inc()
        _log.error("journal_entry_unreadable", length=len(raw), sha256=hashlib.sha256(raw).hexdigest())
        return None


def replay_spool() -> int:
    """Put spooled turns back into the stream. A crash between the two steps repeats entries, which changes nothing.

    One drain at a time does it: the others find the folder locked, and go on.
    """
    try:
        folder = os.open(spool_folder(), os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        return 0
    try:
        waiting = [path for suffix in ("ndjson", "replaying") for path in spool_folder().glob(f"*.{suffix}")]
        return sum(_replay(path) for path in sorted(waiting))
    finally:
        os.close(folder)


def _replay(path: Path) -> int:
    claimed = path.with_suffix(".replaying")
    if path != claimed:
        if claimed.exists():
            return 0
        with path.open("rb") as shared:
            # Under the writers' lock: nobody is in the middle of a line, and who waits for it starts a new file.
            fcntl.flock(shared, fcntl.LOCK_EX)
            path.rename(claimed)
    replayed = 0
    with claimed.open("rb") as file:
        # A line without its end was cut by a crash: its caller never saw the end of the turn.
        lines = (line.rstrip(b"\n") for line in file if line.endswith(b"\n"))
        while chunk := _chunk(lines):
            with redis().pipeline(transaction=False) as pipe:
                for line in chunk:
                    pipe.xadd(STREAM, {FIELD: line})
                pipe.execute()
            replayed += len(chunk)
    claimed.unlink()
    return replayed


def _chunk(lines: Iterator[bytes]) -> list[bytes]:
    return list(islice(lines, BATCH))
