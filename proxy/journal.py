"""The turn journal: a finished turn is in the Redis Stream, or in the spool on disk, before its caller sees the end."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import structlog
from django.conf import settings

from ibex.core import metrics
from ibex.core.patience import patient
from ibex.core.redis import Command, RedisError, wire
from proxy.entry import TurnEntry

STREAM = "ibex:journal"
GROUP = "drain"
FIELD = b"entry"
APPEND_TIMEOUT_S = patient(0.05)
NOTHING: Mapping[str, tuple[int, int]] = MappingProxyType({})

_CLAIM = """for _, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  redis.call('SET', key, (not holder or holder == ARGV[1]) and ARGV[1] or '', 'EX', ARGV[2])
end"""

_log = structlog.get_logger(__name__)
_keeping: set[asyncio.Task[None]] = set()
_disk = ThreadPoolExecutor(1, thread_name_prefix="spool")
"""Of its own: whatever else keeps the process's threads busy then, a turn waits for the disk only."""
_unwritten: list[tuple[bytes, asyncio.Future[None]]] = []
_writing: asyncio.Task[None] | None = None


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
        metrics.journal("stream").inc()
    except (RedisError, OSError, TimeoutError) as error:
        _log.warning("journal_spools", error=type(error).__name__, turn_id=entry.turn_id)
        await _spool(raw)


def spool_folder() -> Path:
    """Where turns wait while Redis is down: one append-only file a process."""
    return Path(settings.SPOOL_DIR)


async def _spool(raw: bytes) -> None:
    """Return when the turn is on the disk. Turns that end while it writes share the next write."""
    global _writing  # noqa: PLW0603 - one writer a process
    loop = asyncio.get_running_loop()
    written: asyncio.Future[None] = loop.create_future()
    _unwritten.append((raw, written))
    if _writing is None or _writing.done() or _writing.get_loop() is not loop:
        _writing = loop.create_task(_write_all())
    try:
        await written
        metrics.journal("spool").inc()
    except OSError as error:
        metrics.journal("lost").inc()
        _log.error("journal_lost_a_turn", error=type(error).__name__)


async def _write_all() -> None:
    while _unwritten:
        batch = [*_unwritten]
        _unwritten.clear()
        if not await _is_written(batch) and len(batch) > 1:
            for one in batch:  # one that is too long for the disk does not take the others along
                await _is_written([one])


async def _is_written(batch: Sequence[tuple[bytes, asyncio.Future[None]]]) -> bool:
    """Write, and tell who waits; who is one of several that failed together is not told yet."""
    error: Exception | None = None
    try:
        await asyncio.get_running_loop().run_in_executor(_disk, _write_spool, *(raw for raw, _ in batch))
    except Exception as failed:  # noqa: BLE001 - passed on to the callers, who wait for it
        error = failed
    for _, written in batch if error is None or len(batch) == 1 else ():
        if not written.done():
            written.set_exception(error) if error else written.set_result(None)
    return error is None


def _write_spool(*entries: bytes) -> None:
    """All of them, or none. Raises OSError."""
    folder = spool_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = _open_locked(folder / f"{os.getpid()}.ndjson")
    try:
        size = os.fstat(descriptor).st_size
        # A line that a crash cut off must not swallow the next one.
        lines = b"\n" * _is_cut_off(descriptor, size) + b"".join(raw + b"\n" for raw in entries)
        if os.write(descriptor, lines) < len(lines):
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
