"""The budget table, stage by stage: what each part of the product may take, and what it takes here.

    .venv/bin/python benchmarks/stages.py [--short]

One installation with agents of 10,000 and 100,000 memories, the whole proxy, an upstream of its own. Calls, pages and
the API go through the real web process; embedding, search, a memory's nine steps and the knapsack are timed in this
one, through the same code. Without --short the table is filled up to a million rows before the search is timed, and
every stage is given longer. The largest paint is measured where Debian's Chromium is installed.

Each stage alone, in more depth: assembly.py, proxy_overhead.py, embedding.py, search_latency.py, write_latency.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import assembly, many_memories
from benchmarks.instant_upstream import INSTANT
from benchmarks.largest_paint import CHROMIUM, largest_paints
from benchmarks.load import Run, drive
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.stack import Stack, running_ibex, upstream

SMALL, LARGE = 10_000, 100_000
TABLE_ROWS = 1_000_000
OVERHEAD_PAUSE_S = 0.1
WARM_UP = 2
"""Requests to an address that do not count: the budgets are those of a warm process."""
PASSWORD = "for-this-benchmark-only"  # noqa: S105 - of a server that lives for minutes
EMAIL = "operator@benchmark.test"
API = (
    "agents", "memories", "memories?category=factual", "sessions", "traces", "tokens", "providers", "feedback",
)  # fmt: skip
PAGES = ("", "agents", "memories", "sessions", "jobs", "tokens", "providers", "settings/limits", "settings/retention")

_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_START = re.compile(r"\bstart;dur=([\d.]+)")


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long each stage is measured."""

    seconds: float
    ramp_s: float
    rounds: int
    fills_table: bool


FULL = Effort(seconds=60.0, ramp_s=20.0, rounds=300, fills_table=True)
SHORT = Effort(seconds=8.0, ramp_s=6.0, rounds=30, fills_table=False)


def assembly_complete(stack: Stack, agent: Any, effort: Effort) -> list[Promise]:
    """50 callers who wait for a model."""
    found = assembly.measure(stack, agent, assembly.WAITING, effort.seconds, effort.ramp_s, 0)
    return [
        Promise(name="assembly, 50 callers, p95", value=found["p95 ms"], unit="ms", limit=assembly.P95_MS),
        Promise(name="assembly, 50 callers, p99", value=found["p99 ms"], unit="ms", limit=assembly.P99_MS),
    ]


def overhead_and_desk(stack: Stack, agent: Any, provider_url: str, effort: Effort) -> list[Promise]:
    """One caller, with memory, against a provider that answers at once; the same calls made directly."""

    def run(url: str, headers: Mapping[str, str], first: int) -> Run:
        body = assembly.body(INSTANT, first)
        loop = drive(
            url, headers, body, callers=1, seconds=effort.seconds, pause_s=OVERHEAD_PAUSE_S / 2, keep_headers=True
        )  # fmt: skip
        return uvloop.run(loop)

    direct = run(f"{provider_url}/chat/completions", {"Content-Type": "application/json"}, 0)
    headers = stack.headers | {"X-IBEX-Agent-ID": agent.slug, "X-IBEX-Memory": "read"}
    ours = run(f"{stack.base_url}/v1/chat/completions", headers, 5_000_000)
    desk = [float(found[1]) for each in ours.headers if (found := _START.search(each["Server-Timing"]))]
    added = percentile(ours.latencies_ms, 0.99) - median(direct.latencies_ms)
    return [
        Promise(name="proxy overhead, instant provider, p99", value=added, unit="ms", limit=20.0),
        Promise(name="desk read, with limits and session, p99", value=percentile(desk, 0.99), unit="ms", limit=5.0),
    ]


def embedding(effort: Effort) -> list[Promise]:
    """One query as the web process embeds it, and 32 memories as a worker does."""
    from benchmarks.embedding import batches_of, measure, queries, sentences
    from memories.embedding.service import model

    texts = sentences()
    asked, batches = queries(texts), batches_of(texts, max(10, effort.rounds // 3))
    built_in = model()
    one = measure(effort.rounds, lambda number: built_in.embed_query(asked[number]))
    many = measure(len(batches) - 5, lambda number: built_in.embed_documents(batches[number]))
    return [
        Promise(name="embedding, one text, p95", value=one.p95, unit="ms", limit=20.0),
        Promise(name="embedding, 32 texts, p95", value=many.p95, unit="ms", limit=100.0),
    ]


def vector_search(stack: Stack, agent: Any, effort: Effort) -> list[Promise]:
    """The whole hybrid search of a large agent; its vectors are made before."""
    from benchmarks.search_latency import P95_MS, embedded_questions, measure_all

    rows = SMALL + LARGE
    if effort.fills_table:
        strangers = many_memories.make_strangers()
        share = (TABLE_ROWS - rows) // len(strangers)
        rows += many_memories.fill(stack.admin_url, dict.fromkeys(strangers, share), rows)
    asked = embedded_questions()[: max(100, effort.rounds)]
    found = asyncio.run(measure_all({LARGE: agent}, asked))[f"{LARGE:,}"]
    name = f"search, agent of {LARGE:,}, table of {rows:,}, p95"
    return [Promise(name=name, value=found["p95 ms"], unit="ms", limit=P95_MS)]


def memory_write(agent: Any, effort: Effort) -> list[Promise]:
    """All nine steps, one memory after the other."""
    from benchmarks.write_latency import P95_MS, WARM_UP, refined, texts

    found = refined(agent, texts(WARM_UP + effort.rounds))
    return [Promise(name="memory write, nine steps, p95", value=found["p95 ms"], unit="ms", limit=P95_MS)]


def knapsack(effort: Effort) -> list[Promise]:
    """100 candidates for the largest budget that an agent may have."""
    from context.pack import pack

    rng, took = random.Random(3), []
    for _ in range(effort.rounds * 10):
        values, weights = [rng.random() for _ in range(100)], [rng.randint(15, 1_500) for _ in range(100)]
        started = time.perf_counter()
        pack(values, weights, 32_000)
        took.append((time.perf_counter() - started) * 1000)
    return [Promise(name="knapsack, 100 candidates, p99", value=percentile(took, 0.99), unit="ms", limit=5.0)]


async def management_api(stack: Stack, effort: Effort) -> list[Promise]:
    """The lists, as the token's organization has them; each address has a p95 of its own, and the worst is shown."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {stack.token}"}) as client:
        worst, slowest = await _slowest(client, [f"{stack.base_url}/api/v1/{path}" for path in API], effort)
    name = f"management API, slowest list ({slowest.rpartition('/')[2]}), p95"
    return [Promise(name=name, value=worst, unit="ms", limit=300.0)]


async def pages(stack: Stack, agent: Any, effort: Effort) -> list[Promise]:
    """The main pages, signed in: the server's time, and the largest paint."""
    urls = [f"{stack.base_url}/{path}" for path in (*PAGES, f"agents/{agent.pk}")]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        async with client.get(f"{stack.base_url}/sign-in") as answer:
            token = _CSRF.search(await answer.text())
        assert token is not None, "the door has no form"
        said = {"email": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        async with client.post(f"{stack.base_url}/sign-in", data=said) as answer:
            assert answer.url.path != "/sign-in", f"not let in: {answer.status}"
        worst, slowest = await _slowest(client, urls, effort)
        cookies = {cookie.key: cookie.value for cookie in client.cookie_jar}
    where = slowest.removeprefix(stack.base_url) or "/"
    promises = [Promise(name=f"page, server, slowest ({where[:20]}), p95", value=worst, unit="ms", limit=2_000.0)]
    if CHROMIUM:
        paints = await largest_paints(urls, cookies)
        promises.append(
            Promise(name="page, largest paint, slowest", value=max(paints.values()), unit="ms", limit=2_000.0)
        )
    else:
        print("No Chromium here: the largest paint is not measured.")
    return promises


async def _slowest(client: aiohttp.ClientSession, urls: Sequence[str], effort: Effort) -> tuple[float, str]:
    """The greatest 95th percentile, in milliseconds, and whose it is. Every answer must be a 200."""
    found = []
    for url in urls:
        took = []
        for _ in range(WARM_UP + max(10, effort.rounds // 6)):
            started = time.perf_counter()
            async with client.get(url) as answer:
                await answer.read()
            if answer.status != 200 or answer.url.path == "/sign-in":
                raise RuntimeError(f"{url} answered {answer.status}")
            took.append((time.perf_counter() - started) * 1000)
        found.append((percentile(took[WARM_UP:], 0.95), url))
    return max(found)


def make_operator(stack: Stack) -> None:
    """Somebody who may see the pages."""
    from agents.models import Member, Operator
    from ibex.core.tenancy import scope

    operator = Operator.objects.create_user(EMAIL, PASSWORD)
    with scope(stack.org_id):
        Member.objects.create(org_id=stack.org_id, operator=operator, role="owner")


def measured(stack: Stack, provider_url: str, effort: Effort) -> list[Promise]:
    """Every stage, one after the other."""
    agents = assembly.prepare(stack, [SMALL, LARGE])
    make_operator(stack)
    stages: list[Callable[[], list[Promise]]] = [
        lambda: assembly_complete(stack, agents[SMALL], effort),
        lambda: overhead_and_desk(stack, agents[SMALL], provider_url, effort),
        lambda: asyncio.run(management_api(stack, effort)),
        lambda: asyncio.run(pages(stack, agents[LARGE], effort)),
        lambda: embedding(effort),
        lambda: knapsack(effort),
        lambda: memory_write(agents[SMALL], effort),
        lambda: vector_search(stack, agents[LARGE], effort),
    ]
    return [promise for stage in stages for promise in stage()]


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="seconds a stage, and no table of a million rows")
    effort = SHORT if parser.parse_args().short else FULL
    os.environ["IBEX_LOG_LEVEL"] = "ERROR"
    with upstream(assembly.UPSTREAM_MS) as provider_url, running_ibex(provider_url, ("web", "drain")) as stack:
        promises = measured(stack, provider_url, effort)
    print_table("Stages", ("stage", "ms", "budget"), [(p.name, float(p.value), float(p.limit)) for p in promises])
    return finish("stages", promises)


if __name__ == "__main__":
    raise SystemExit(main())
