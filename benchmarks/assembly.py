"""Assembly within its deadline: agents with 10,000 and with 100,000 memories, 50 callers, the whole proxy.

    .venv/bin/python benchmarks/assembly.py [--short] [--memories 10000]

The web process, the drain, PostgreSQL and Valkey are real and share the machine with the callers and the upstream.
Every call asks something new in about 20 tokens; every other one is streamed. Two loads for each agent:

* *callers who wait for a model*: 50 in a closed loop, an upstream that takes 500 ms ± 50 %; five minutes after a ramp.
* *saturation*: the same 50 with an upstream that answers at once. Full retrieval for all of them is out of reach there
  (50 queries embedded at the same time take longer than the deadline), so what is promised is honesty: assembly stays
  in time by leaving the search out, and every answer that lacks something says so.

Assembly is the `assemble` stage of `Server-Timing`, the writing of the enriched body included; its percentiles are over
all calls of the run. What a call lacked is read back from its trace in the vault, and compared with what its caller was
told.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import many_memories
from benchmarks.instant_upstream import INSTANT
from benchmarks.load import Run, drive
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.stack import Processes, Stack, running_ibex, upstream, wait_until_drained

SIZES = (10_000, 100_000)
CALLERS = 50
UPSTREAM_MS = 500.0
WAITING, SATURATION = "waiting", "saturation"
SECONDS = {WAITING: 300.0, SATURATION: 60.0}
SECONDS_SHORT = {WAITING: 15.0, SATURATION: 6.0}
RAMP_S, RAMP_SHORT_S = 30.0, 10.0
SAMPLE_S = 0.5
P95_MS, P99_MS = 50.0, 100.0
COMPLETE_SHARE = 0.99
GROWTH_MIB = 20.0
"""Of the web process over five minutes: caches still fill, but nothing is kept of a call."""

TABLES = {
    "Assembly": ("p50 ms", "p95 ms", "p99 ms", "most ms", "L0 %", "L1 %", "L2 %", "L3 %", "not told"),
    "Web processes": ("calls", "calls/s", "errors", "CPU ms/call", "RSS MiB", "growth MiB"),
}

_ASSEMBLE = re.compile(r"\bassemble;dur=([\d.]+)")
_LEVELS = """
SELECT request_id::text, level, is_fallback FROM agents_trace WHERE agent_id = %s AND request_id::text = ANY(%s)
"""


@dataclass
class Usage:
    """What processes used while they were watched: CPU and resident memory are sums over all web processes, growth is
    of the private memory of the one that grew most.
    """

    processes: Processes
    samples: list[tuple[float, float, list[float]]] = field(default_factory=list)
    """(CPU seconds so far, resident MiB, private MiB of each), from the end of the ramp on."""
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self, ramp_s: float) -> threading.Thread:
        """Begin to look after `ramp_s`."""

        def look() -> None:
            self._over.wait(ramp_s)
            while True:
                held = self.processes.rss_mib(), self.processes.private_mib()
                self.samples.append((self.processes.cpu_s(), *held))
                if self._over.wait(SAMPLE_S):
                    return

        thread = threading.Thread(target=look)
        thread.start()
        return thread

    def end(self) -> None:
        """Look no more."""
        self._over.set()

    @property
    def cpu_s(self) -> float:
        return self.samples[-1][0] - self.samples[0][0]

    @property
    def growth_mib(self) -> float:
        """From the first to the last tenth: single samples jump."""
        tenth = max(1, len(self.samples) // 10)
        of_each = zip(*(private for *_, private in self.samples), strict=True)
        return max((sum(mib[-tenth:]) - sum(mib[:tenth])) / tenth for mib in of_each)

    @property
    def most_mib(self) -> float:
        return max(rss for _, rss, _ in self.samples)


def body(model: str, first: int) -> Callable[[int], dict[str, Any]]:
    """Calls whose questions begin with number `first`."""

    def make(number: int) -> dict[str, Any]:
        said = [{"role": "user", "content": many_memories.question(first + number)}]
        return {"model": model, "messages": said, "stream": bool(number % 2)}

    return make


def measure(stack: Stack, agent: Any, load: str, seconds: float, ramp_s: float, first: int) -> dict[str, float]:
    """One load on one agent."""
    headers = stack.headers | {"X-IBEX-Agent-ID": agent.slug, "X-IBEX-Memory": "read"}
    url, model = f"{stack.base_url}/v1/chat/completions", INSTANT if load == SATURATION else "slow"
    usage = Usage(stack.processes["web"])
    watching = usage.watch(ramp_s)
    try:
        run = uvloop.run(
            drive(
                url, headers, body(model, first), callers=CALLERS, seconds=seconds, ramp_s=ramp_s, keep_headers=True
            )
        )  # fmt: skip
    finally:
        usage.end()
        watching.join()
    wait_until_drained()
    return figures(run, usage) | told(stack, agent, run)


def figures(run: Run, usage: Usage) -> dict[str, float]:
    """Milliseconds of assembly, calls a second, and what the web process used."""
    took = [milliseconds(headers) for headers in run.headers] or [float("inf")]
    return {
        "p50 ms": percentile(took, 0.5),
        "p95 ms": percentile(took, 0.95),
        "p99 ms": percentile(took, 0.99),
        "most ms": max(took),
        "calls": float(len(took)),
        "calls/s": run.per_second,
        "errors": float(run.errors),
        "CPU ms/call": usage.cpu_s * 1000 / max(1, len(took)),
        "RSS MiB": usage.most_mib,
        "growth MiB": usage.growth_mib,
    }


def milliseconds(headers: Mapping[str, str]) -> float:
    """Of assembly, as the caller was told."""
    found = _ASSEMBLE.search(headers["Server-Timing"])
    return float(found[1]) if found else float("inf")


def told(stack: Stack, agent: Any, run: Run) -> dict[str, float]:
    """Shares of the rungs of the ladder (%), and how many callers were not told what their prompt lacked."""
    import psycopg

    said = {headers["X-Request-ID"]: headers["X-IBEX-Context-Fallback"] == "true" for headers in run.headers}
    with psycopg.connect(stack.admin_url) as admin:
        rows = admin.execute(_LEVELS, [agent.pk, list(said)]).fetchall()
    levels = Counter(level for _, level, _ in rows)
    lied = sum(said[request] != bool(level) or said[request] != lacks for request, level, lacks in rows)
    known = max(1, len(rows))
    return {f"L{level} %": 100.0 * levels[level] / known for level in range(4)} | {
        "not told": float(lied + len(said) - len(rows))
    }


def prepare(stack: Stack, sizes: list[int]) -> dict[int, Any]:
    """Agents with so many memories, and the indexes that the scheduler would build for them."""
    from agents.models import Agent
    from benchmarks.search_latency import build_indexes
    from ibex.core.tenancy import scope

    org_id = UUID(stack.org_id)
    with scope(org_id):
        agents = {size: Agent.objects.create(org_id=org_id, name=f"{size:,}", slug=f"agent-{size}") for size in sizes}
    many_memories.prepare_pool(stack.admin_url)
    many_memories.fill(stack.admin_url, {agent: size for size, agent in agents.items()}, 0)
    build_indexes()
    return agents


def promises(results: Mapping[str, Mapping[str, float]], *, is_short: bool) -> list[Promise]:
    """What is promised of these figures."""
    kept: list[Promise] = []
    for name, found in results.items():
        kept.append(Promise(name=f"assembly p95, {name}", value=found["p95 ms"], unit="ms", limit=P95_MS))
        kept.append(Promise(name=f"errors, {name}", value=found["errors"], unit="calls", limit=0))
        kept.append(Promise(name=f"not told, {name}", value=found["not told"], unit="calls", limit=0))
        if name.endswith(WAITING):
            share = found["L0 %"] / 100
            kept.append(Promise(name=f"assembly p99, {name}", value=found["p99 ms"], unit="ms", limit=P99_MS))
            kept.append(Promise(name=f"L0, {name}", value=share, unit="", limit=COMPLETE_SHARE, at_least=True))
            if not is_short:
                growth = found["growth MiB"]
                kept.append(Promise(name=f"memory growth, {name}", value=growth, unit="MiB", limit=GROWTH_MIB))
    return kept


def main() -> int:
    """Every load on every agent, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--memories", type=int, action="append", help="of an agent; instead of 10,000 and 100,000")
    asked = parser.parse_args()
    times, ramp_s = (SECONDS_SHORT, RAMP_SHORT_S) if asked.short else (SECONDS, RAMP_S)
    os.environ["IBEX_LOG_LEVEL"] = "ERROR"
    results: dict[str, dict[str, float]] = {}
    first = 0
    with upstream(UPSTREAM_MS) as provider_url, running_ibex(provider_url, ("web", "drain")) as stack:
        for size, agent in prepare(stack, asked.memories or list(SIZES)).items():
            for load, seconds in times.items():
                found = results[f"{size:,}, {load}"] = measure(stack, agent, load, seconds, ramp_s, first)
                first += int(found["calls"]) + 1_000_000
    for title, columns in TABLES.items():
        rows = [(name, *(f"{found[column]:,.1f}" for column in columns)) for name, found in results.items()]
        print_table(f"{title}, {CALLERS} callers", ("memories, load", *columns), rows)
    return finish("assembly", promises(results, is_short=asked.short), results=results)


if __name__ == "__main__":
    raise SystemExit(main())
