"""What live callers notice while the drain works off a backlog of 100,000 turns, and whether any turn gets lost.

    .venv/bin/python benchmarks/backlog.py [--short]

Live calls, one every 50 ms whether or not the last one has been answered (open loop), with memory, all the time: first
while the drain has nothing else to do, then while it moves the backlog, of several organizations, with receipts and
extraction. A latency counts from the moment its call was due.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.stack import Processes, Stack, child, running_ibex, upstream
from benchmarks.turns import WORDS, Tenant, make_tenants, turns

ENTRIES, ENTRIES_SHORT = 100_000, 10_000
BEFORE_S, BEFORE_SHORT_S = 60.0, 20.0
LIVE_PER_S = 20.0
CHUNK = 500
SAMPLE_S = 0.5
WARM_SHARE = 0.1
"""The drain's memory is compared from here on: the first batches load what it needs."""
TIMES, ALLOWANCE_MS = 2.0, 10.0
"""A live call's p99 may be so many times what it was, and so much more: on two cores the drain, its database connection
and the workers are there too."""
GROWTH_MIB = 32.0
RATE_PER_S = 100.0
"""Five times the live load. The drain takes what nobody else wants of the machine: on a busy one it is slower."""


@dataclass
class Live:
    """Calls that go on in a thread of their own."""

    stack: Stack
    latencies_ms: list[tuple[float, float]] = field(default_factory=list)
    """(when it was due, how long it took), `time.monotonic`."""
    failed: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start calling."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._call()))
        self._thread.start()

    def end(self) -> None:
        """Return when the last call has been answered."""
        self._over.set()
        self._thread.join()

    def between(self, begun: float, ended: float) -> list[float]:
        """The latencies of the calls that were due then."""
        return [ms for due, ms in self.latencies_ms if begun <= due < ended]

    async def _call(self) -> None:
        url = f"{self.stack.base_url}/v1/chat/completions"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=self.stack.headers, connector=connector) as session:
            begun, number = time.monotonic(), 0
            async with asyncio.TaskGroup() as calls:
                while not self._over.is_set():
                    due = begun + number / LIVE_PER_S
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    calls.create_task(self._one(session, url, due, number))
                    number += 1

    async def _one(self, session: aiohttp.ClientSession, url: str, due: float, number: int) -> None:
        text = f"What did I decide about the {WORDS[number % len(WORDS)]} number {number} when we last spoke of it?"
        try:
            async with session.post(url, data=orjson.dumps(_body(text))) as response:
                await response.read()
                answered = response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            answered = False
        if answered:
            self.latencies_ms.append((due, (time.monotonic() - due) * 1000))
        else:
            self.failed += 1


def _body(text: str) -> dict[str, Any]:
    return {"model": "instant", "messages": [{"role": "user", "content": text}]}


def fill_journal(tenants: list[Tenant], count: int) -> None:
    """Put the backlog into the stream."""
    from ibex.core.redis import redis
    from proxy.journal import FIELD, STREAM

    pipe = redis().pipeline(transaction=False)
    for number, raw in enumerate(turns(tenants, count), 1):
        pipe.xadd(STREAM, {FIELD: raw})
        if number % CHUNK == 0 or number == count:
            pipe.execute()


def journaled() -> int:
    """Entries that wait in the stream."""
    from ibex.core.redis import redis
    from proxy.journal import STREAM

    return int(redis().xlen(STREAM))


@dataclass
class Drained:
    """How the backlog went."""

    seconds: float
    cpu_s: float
    rss_mib: list[float]


def drain_all(process: Processes, count: int) -> Drained:
    """Wait until the stream holds no more than live traffic puts there, and watch."""
    begun, cpu, rss = time.monotonic(), process.cpu_s(), []
    while (left := journaled()) > LIVE_PER_S:
        if left < count * (1 - WARM_SHARE):
            rss.append(process.rss_mib())
        time.sleep(SAMPLE_S)
    return Drained(seconds=time.monotonic() - begun, cpu_s=process.cpu_s() - cpu, rss_mib=rss)


def kept() -> tuple[int, int, int]:
    """Checkpoints, sessions whose numbers are not 1 to n, and dead letters, of all organizations."""
    from django.db import connections

    from ibex.core.redis import redis
    from ibex.core.tenancy import cross_tenant

    gaps = """
    SELECT count(*) FROM (SELECT s.id FROM agents_session s JOIN agents_checkpoint c ON c.session_id = s.id
    GROUP BY s.id, s.turn_count HAVING count(*) <> s.turn_count OR max(c.number) <> s.turn_count) AS broken
    """
    with cross_tenant("benchmark") as system, connections[system].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM agents_checkpoint")
        checkpoints = cursor.fetchone()[0]
        cursor.execute(gaps)
        broken = cursor.fetchone()[0]
    return checkpoints, broken, sum(redis().xlen(key) for key in redis().scan_iter(match="*:journal:dead"))


def measure(entries: int, before_s: float, provider_url: str) -> int:
    """Run it all; the exit code."""
    drain, worker = ([sys.executable, "-m", "django", name] for name in ("drain", "worker"))
    with running_ibex(provider_url, ("web",)) as stack, child(worker):
        tenants = make_tenants()
        live = Live(stack)
        with child(drain):
            live.begin()
            time.sleep(before_s / 4)  # warm
            begun = time.monotonic()
            time.sleep(before_s)
            ended = time.monotonic()
        fill_journal(tenants, entries)
        with child(drain) as process:
            wait_from = time.monotonic()
            drained = drain_all(process, entries)
            wait_to = time.monotonic()
            live.end()
            while journaled():
                time.sleep(SAMPLE_S)
            checkpoints, gaps, dead = kept()
    before, during = live.between(begun, ended), live.between(wait_from, wait_to)
    return report(entries, live, before, during, drained, (checkpoints, gaps, dead))


def report(
    entries: int, live: Live, before: list[float], during: list[float], drained: Drained, found: tuple[int, int, int]
) -> int:
    """Print the tables and the promises."""
    shares = (0.5, 0.95, 0.99)
    rows = [(name, len(ms), *(percentile(ms, share) for share in shares)) for name, ms in _named(before, during)]
    print_table(f"Live calls, {LIVE_PER_S:.0f} a second", ("when", "calls", "p50 ms", "p95 ms", "p99 ms"), rows)
    rate, cpu_ms = entries / drained.seconds, drained.cpu_s / entries * 1000
    growth = max(drained.rss_mib) - min(drained.rss_mib) if drained.rss_mib else 0.0
    figures = (entries, drained.seconds, rate, cpu_ms, max(drained.rss_mib, default=0.0))
    print_table("Drain", ("entries", "seconds", "entries/s", "CPU ms/entry", "RSS MiB"), [figures])
    checkpoints, gaps, dead = found
    lost = entries + len(live.latencies_ms) - checkpoints
    limit = TIMES * percentile(before, 0.99) + ALLOWANCE_MS
    promises = [
        Promise(name="turns lost (or there twice)", value=abs(lost), unit="turns", limit=0),
        Promise(name="sessions with gaps", value=gaps, unit="sessions", limit=0),
        Promise(name="dead letters", value=dead, unit="turns", limit=0),
        Promise(name="live calls that failed", value=live.failed, unit="calls", limit=0),
        Promise(name="live p99 while the backlog drains", value=percentile(during, 0.99), unit="ms", limit=limit),
        Promise(name="drain rate", value=rate, unit="entries/s", limit=RATE_PER_S, at_least=True),
        Promise(name="growth of the drain's memory", value=growth, unit="MiB", limit=GROWTH_MIB),
    ]
    return finish("backlog", promises, entries=entries, cpu_ms_per_entry=cpu_ms, seconds=drained.seconds, live=rows)


def _named(before: list[float], during: list[float]) -> list[tuple[str, list[float]]]:
    return [("before", before), ("while the backlog drains", during)]


def main() -> int:
    """The exit code: 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    is_short = parser.parse_args().short
    with upstream() as url:
        return measure(ENTRIES_SHORT if is_short else ENTRIES, BEFORE_SHORT_S if is_short else BEFORE_S, url)


if __name__ == "__main__":
    sys.exit(main())
