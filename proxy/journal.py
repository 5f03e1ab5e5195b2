"""The turn journal: a finished turn is in the Redis Stream, or in the spool on disk, before its caller sees the end."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import structlog
from django.conf import settings

from ibex.core import metrics
from ibex.core.redis import Command, RedisError, wire
from proxy.entry import TurnEntry

STREAM = "ibex:journal"
GROUP = "drain"
FIELD = b"entry"
APPEND_TIMEOUT_S = 0.05
NOTHING: Mapping[str, tuple[int, int]] = MappingProxyType({})

_CLAIM = """for _, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  redis.call('SET', key, (not holder or holder == ARGV[1]) and ARGV[1] or '', 'EX', ARGV[2])
end"""

_log = structlog.get_logger(__name__)
_keeping: set[asyncio.Task[None]] = set()


async def append(
    entry: TurnEntry,
    *,
    remember: Mapping[str, str | bytes],
    renew: Sequence[str] = (),
    claims: Sequence[str] = (),
    ttl_s: int,
    spent: Mapping[str, tuple[int, int]] = NOTHING,
) -> None:
    """Keep the turn, set the keys in `remember` and add to the counters in `spent` (amount, seconds they are kept), in
    one round trip. Redis down: spool. Keys in `renew` are kept as long again.

    Keys in `claims` hold the turn's session; one that another session has claimed holds an empty text.

    A caller who leaves meanwhile cancels the wait, never the keeping.
    """
    task = asyncio.create_task(_keep(entry, remember, renew, claims, ttl_s, spent))
    _keeping.add(task)
    task.add_done_callback(_keeping.discard)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _keep(
    entry: TurnEntry,
    remember: Mapping[str, str | bytes],
    renew: Sequence[str],
    claims: Sequence[str],
    ttl_s: int,
    spent: Mapping[str, tuple[int, int]],
) -> None:
    raw = entry.to_bytes()
    try:
        asked: list[Command] = [("XADD", STREAM, "*", FIELD, raw)]
        asked += [("SET", key, value, "EX", ttl_s) for key, value in remember.items()]
        asked += [("EXPIRE", key, ttl_s) for key in renew]
        if claims:
            asked.append(("EVAL", _CLAIM, len(claims), *claims, entry.session_id, ttl_s))
        for key, (amount, kept_s) in spent.items():
            asked += [("INCRBY", key, amount), ("EXPIRE", key, kept_s)]
        await wire().ask(asked, timeout_s=APPEND_TIMEOUT_S)
        metrics.JOURNAL.labels(where="stream").inc()
    except (RedisError, OSError, TimeoutError) as error:
        _log.warning("journal_spools", error=type(error).__name__, turn_id=entry.turn_id)
        await _spool(raw)


def spool_folder() -> Path:
    """Where turns wait while Redis is down: one append-only file a process."""
    return Path(settings.SPOOL_DIR)


async def _spool(raw: bytes) -> None:
    try:
        await asyncio.to_thread(_write_spool, raw)
        metrics.JOURNAL.labels(where="spool").inc()
    except OSError as error:
        metrics.JOURNAL.labels(where="lost").inc()
        _log.error("journal_lost_a_turn", error=type(error).__name__)


def _write_spool(raw: bytes) -> None:
    folder = spool_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = _open_locked(folder / f"{os.getpid()}.ndjson")
    try:
        size = os.fstat(descriptor).st_size
        # A line that a crash cut off must not swallow this one.
        line = b"\n" * _is_cut_off(descriptor, size) + raw + b"\n"
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, size)
            raise OSError("the disk of the spool is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    """The spool file, for this writer alone. A replay that took it away while we waited has read all that it will."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _is_cut_off(descriptor: int, size: int) -> bool:
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
