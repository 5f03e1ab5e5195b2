"""How long a search takes and what it finds, in small and large agents of small and large tables.

    .venv/bin/python benchmarks/search_latency.py [--short]

Agents of 1,000, 10,000 and 100,000 memories; the table holds 111,000 rows, then (not with --short) 1,000,000, of other
organizations' agents. Every question goes through `memories.retrieval.search.search()` as the application's role, under
Row-Level Security, the way the product itself chooses for that agent; its vector is made before the clock starts.
Recall@20: share of the first 20 of the same search with an exact vector arm. mem0 (own virtual environment under
.cache, same PostgreSQL, same vectors, 10,000 memories) is searched in the same run.

Writes benchmarks/results/search_latency.json; exits 1 when a promise breaks.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import many_memories
from benchmarks.mem0_search import mem0_search
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.vault import make_agent, own_vault

if TYPE_CHECKING:
    from agents.models import Agent

SIZES = (1_000, 10_000, 100_000)
LARGE_TABLE = 1_000_000
QUESTIONS = 400
COMPARED = 100
"""Questions that are also asked of the exact search, which takes its time in a large agent."""
PASSES = 3
WARM_UP = 50
PERCENTILES = (0.5, 0.95, 0.99)
FOUND = 20
P95_MS, RECALL = 30.0, 0.98
MEM0_ROWS = 10_000

Asked = Sequence[tuple[str, Any]]
"""Questions with their vectors."""


async def ask(agent: Agent, asked: Asked, *, is_exact: bool = False) -> tuple[list[float], list[list[Any]]]:
    """Milliseconds of each search, and what it found."""
    from memories.retrieval.search import Query, search

    took, found = [], []
    for text, vector in asked:
        query = Query(
            org_id=agent.org_id, agent_id=agent.pk, text=text, embedding=vector, limit=FOUND, is_exact=is_exact
        )  # fmt: skip
        start = time.perf_counter()
        rows = await search(query)
        took.append((time.perf_counter() - start) * 1000)
        found.append([row.id for row in rows])
    return took, found


async def measure(agent: Agent, asked: Asked) -> dict[str, float]:
    """One agent's row of the table: the passes' median of each percentile, and recall against exact search."""
    from memories.retrieval.vocabulary import profiles

    profiles.clear()
    await ask(agent, asked[:WARM_UP])
    passes = [await ask(agent, asked) for _ in range(PASSES)]
    exact_took, exact = await ask(agent, asked[:COMPARED], is_exact=True)
    found = passes[0][1]
    figures = {
        f"p{round(share * 100)} ms": median(percentile(took, share) for took, _ in passes) for share in PERCENTILES
    }
    return figures | {
        "recall@20": fmean(len(set(ours) & set(all_)) / len(all_) for ours, all_ in zip(found, exact, strict=False)),
        "fewest rows": float(min(len(rows) for _, each in passes for rows in each)),
        "exact p95 ms": percentile(exact_took, 0.95),
    }


async def measure_all(agents: dict[int, Agent], asked: Asked) -> dict[str, dict[str, float]]:
    """Each agent's figures, with a hot path of its own."""
    from ibex.core.database import close_hot_pool, open_hot_pool

    await open_hot_pool()
    try:
        return {f"{size:,}": await measure(agent, asked) for size, agent in agents.items()}
    finally:
        await close_hot_pool()


def embedded_questions() -> Asked:
    """The questions, with vectors as the hot path makes them."""
    from memories.embedding import query_embedder
    from memories.retrieval.perspective import first_person

    async def embed() -> Asked:
        return [(text, await query_embedder().embed(first_person(text))) for text in many_memories.questions(QUESTIONS)]

    return asyncio.run(embed())


def build_indexes() -> float:
    """What the scheduler and the worker do for large agents; seconds."""
    from memories import rollout

    start = time.perf_counter()
    rollout.build_indexes()
    return time.perf_counter() - start


def run(is_short: bool, admin_url: str) -> int:
    """Fill, index, measure; once more with a table ten times as large."""
    many_memories.prepare_pool(admin_url)
    agents = {size: make_agent(f"agent-{size}") for size in SIZES}
    asked = embedded_questions()
    rows = many_memories.fill(admin_url, {agent: size for size, agent in agents.items()}, 0)
    built_s = build_indexes()
    results = {f"{rows:,}": asyncio.run(measure_all(agents, asked))}
    peer = mem0_search(admin_url, asked, MEM0_ROWS)
    if not is_short:
        strangers = many_memories.make_strangers()
        share = (LARGE_TABLE - rows) // len(strangers)
        rows += many_memories.fill(admin_url, dict.fromkeys(strangers, share), rows)
        results[f"{rows:,}"] = asyncio.run(measure_all(agents, asked))
    return report(results, peer, built_s)


def report(results: dict[str, dict[str, dict[str, float]]], peer: dict[str, float], built_s: float) -> int:
    """Print the table and hold the figures against the promises."""
    columns = list(next(iter(next(iter(results.values())).values())))
    lines: list[Sequence[Any]] = [
        (f"{table} rows, agent of {size}", *(f"{figures[name]:.3f}" for name in columns))
        for table, agents in results.items()
        for size, figures in agents.items()
    ]
    lines.append((f"mem0, {MEM0_ROWS:,} rows", *(f"{peer[name]:.3f}" if name in peer else "" for name in columns)))
    print_table(f"search(), {QUESTIONS} questions, {PASSES} passes", ("", *columns), lines)
    promises = []
    for table, agents in results.items():
        for size, figures in agents.items():
            where = f"agent of {size} in {table}"
            promises += [
                Promise(name=f"p95, {where}", value=figures["p95 ms"], unit="ms", limit=P95_MS),
                Promise(name=f"recall@20, {where}", value=figures["recall@20"], unit="", limit=RECALL, at_least=True),
                Promise(name=f"rows, {where}", value=figures["fewest rows"], unit="", limit=FOUND, at_least=True),
            ]
    return finish("search_latency", promises, results=results, mem0=peer, index_build_s=built_s)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only the smaller table")
    options = parser.parse_args()
    with own_vault(postgres={}) as addresses:
        return run(options.short, addresses.admin_url)


if __name__ == "__main__":
    sys.exit(main())
