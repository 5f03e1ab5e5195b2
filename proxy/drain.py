"""Moves journaled turns from the Redis Stream into the vault, in batches, exactly once.

An entry is acknowledged after the transaction that wrote it. A drain that dies leaves its entries pending; the next
one claims them. An entry that cannot be written on its own goes to a dead-letter stream and blocks nothing.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError

from ibex.core import metrics
from ibex.core.redis import ResponseError, redis
from proxy.entry import TurnEntry
from proxy.journal import FIELD, GROUP, STREAM, spool_folder
from proxy.vault_writer import write_turns

BATCH = 200
BLOCK_MS = 1_000
CLAIM_IDLE_MS = 30_000
"""A batch takes well under a second: who holds entries for this long is dead."""
DEAD_LETTERS = "ibex:journal:dead"

_log = structlog.get_logger(__name__)
Row = tuple[bytes, dict[bytes, bytes]]


class Drain:
    """One consumer of the journal's group."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._claim_from = b"0-0"

    def open(self) -> None:
        """Make the consumer group; harmless when it exists."""
        try:
            redis().xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def step(self, block_ms: int = BLOCK_MS) -> int:
        """Replay the spool, adopt what dead drains left, move one batch. Returns how many entries were moved.

        Raises RedisError or a database's OperationalError when a server is away: nothing is acknowledged then.
        """
        replay_spool()
        rows = self._adopted() or self._next(block_ms)
        if rows:
            self._move(rows)
        return len(rows)

    def _adopted(self) -> list[Row]:
        answer: Any = redis().xautoclaim(
            STREAM, GROUP, self.name, min_idle_time=CLAIM_IDLE_MS, start_id=self._claim_from, count=BATCH
        )
        self._claim_from = answer[0]
        return [row for row in answer[1] if row[1]]

    def _next(self, block_ms: int) -> list[Row]:
        answer: Any = redis().xreadgroup(GROUP, self.name, {STREAM: ">"}, count=BATCH, block=block_ms or None)
        if isinstance(answer, dict):  # RESP3
            return [(row[0], row[1]) for batches in answer.values() for batch in batches for row in batch]
        return [(row[0], row[1]) for _, batch in answer or [] for row in batch]

    def _move(self, rows: Sequence[Row]) -> None:
        by_org: dict[UUID, list[tuple[bytes, TurnEntry]]] = defaultdict(list)
        for row_id, fields in rows:
            entry = _parsed(fields.get(FIELD, b""))
            if entry is None:
                self._bury(row_id, fields.get(FIELD, b""), "unreadable")
            else:
                by_org[UUID(entry.org_id)].append((row_id, entry))
        for org_id, entries in by_org.items():
            self._move_org(org_id, entries)

    def _move_org(self, org_id: UUID, entries: Sequence[tuple[bytes, TurnEntry]]) -> None:
        try:
            write_turns(org_id, [entry for _, entry in entries])
        except (OperationalError, InterfaceError):
            raise
        except (DatabaseError, ValueError, TypeError, KeyError) as error:
            if len(entries) > 1:
                for single in entries:
                    self._move_org(org_id, [single])
            else:
                self._bury(entries[0][0], entries[0][1].to_bytes(), type(error).__name__)
            return
        metrics.DRAINED.labels(outcome="written").inc(len(entries))
        self._acknowledge([row_id for row_id, _ in entries])

    def _bury(self, row_id: bytes, raw: bytes, why: str) -> None:
        metrics.DRAINED.labels(outcome="dead_letter").inc()
        _log.error("journal_entry_buried", why=why)
        redis().xadd(DEAD_LETTERS, {FIELD: raw, b"why": why.encode()})
        self._acknowledge([row_id])

    def _acknowledge(self, row_ids: Sequence[bytes]) -> None:
        pipe = redis().pipeline(transaction=True)
        pipe.xack(STREAM, GROUP, *row_ids)
        pipe.xdel(STREAM, *row_ids)
        pipe.execute()


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
    with claimed.open("rb") as lines:
        for line in lines:
            # A line without its end was cut by a crash: its caller never saw the end of the turn.
            if line.endswith(b"\n"):
                redis().xadd(STREAM, {FIELD: line.rstrip(b"\n")})
                replayed += 1
    claimed.unlink()
    return replayed


def _parsed(raw: bytes) -> TurnEntry | None:
    try:
        entry = TurnEntry.from_bytes(raw)
        UUID(entry.org_id)
    except (ValueError, TypeError):
        return None
    return entry
