"""How long one memory takes through all nine steps, in small and large agents, beside a plain insert.

    .venv/bin/python benchmarks/write_latency.py [--short]

Agents of 1,000 and 10,000 and (not with --short) 100,000 memories in one table. What is written: mostly new memories,
among them the same words again, the same in other words, and another value of what has one value, as they come from
extraction; one after the other, each in a transaction of its own, as the application's role under Row-Level Security.
The baseline is what a memory store does at least: embed the text and insert both, without deciding anything.

Writes benchmarks/results/write_latency.json; exits 1 when a promise breaks.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import many_memories
from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.vault import make_agent, own_vault

if TYPE_CHECKING:
    from agents.models import Agent
    from memories.refinement.draft import Draft

SIZES, SHORT_SIZES = (1_000, 10_000, 100_000), (1_000, 10_000)
WRITES, SHORT_WRITES = 400, 200
WARM_UP = 20
P95_MS = 200.0  # SPEC section 7
"""The promise, at every size."""
KINDS = ("new",) * 7 + ("same words", "other words", "other value")
PLACES = ("Porto", "Bergen", "Ghent", "Turin", "Graz", "Vigo", "Lund", "Cork", "Bari", "Metz", "Gera", "Split")
_PLAIN_TABLE = """
CREATE TABLE benchmark_plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, agent_id uuid, content text,
  embedding halfvec(384));
CREATE INDEX ON benchmark_plain (agent_id);
"""


def texts(count: int) -> list[str]:
    """What is learned, in the order it is learned in: no text is in the pool that fills the agents."""
    rng = random.Random(5)
    new = iter(_new_texts(rng))
    made: list[str] = []
    for number in range(count):
        kind = rng.choice(KINDS)
        if kind == "same words" and made:
            made.append(rng.choice(made))
        elif kind == "other words" and made:
            made.append(rng.choice(made).replace("The ", "The very ", 1))
        elif kind == "other value":
            made.append(f"{many_memories.WHO[number % 10]} lives in {rng.choice(PLACES)}.")
        else:
            made.append(next(new))
    return made


def _new_texts(rng: random.Random) -> list[str]:
    whole = [many_memories.WHO, many_memories.DOES, many_memories.WHAT, many_memories.WHEN]
    made = [f"{who} {does} {what}, and {place} is where {when}." for who, does, what, when in itertools.product(*whole)
            for place in PLACES[:1]]  # fmt: skip
    rng.shuffle(made)
    return made


def draft(agent: Agent, text: str, number: int) -> Draft:
    """As extraction makes it; each is learned a minute after the other."""
    from datetime import timedelta

    from django.utils import timezone

    from memories.refinement.draft import Draft

    return Draft(
        org_id=agent.org_id,
        agent_id=agent.pk,
        content=text,
        category="factual",
        labels=(("home", 0.8),),
        source="extracted",
        confidence=0.9,
        observed_at=timezone.now() + timedelta(minutes=number),
        evidence=text,
        extractor="benchmark",
        actor="extraction",
    )


def timed(work: Callable[[str, int], Any], wanted: Sequence[str]) -> tuple[list[float], list[Any]]:
    """Milliseconds of each text's write after the warm-up, and what each write answered."""
    took, answers = [], []
    for number, text in enumerate(wanted):
        start = time.perf_counter()
        answers.append(work(text, number))
        took.append((time.perf_counter() - start) * 1000)
    return took[WARM_UP:], answers[WARM_UP:]


def refined(agent: Agent, wanted: Sequence[str]) -> dict[str, Any]:
    """All nine steps: figures, what became of the texts, and the part of the time before the transaction opens."""
    from ibex.core.tenancy import scope
    from memories.refinement.pipeline import before_write, write_all

    before: list[float] = []

    def write(text: str, number: int) -> str:
        start = time.perf_counter()
        prepared = before_write([draft(agent, text, number)])
        before.append((time.perf_counter() - start) * 1000)
        with scope(agent.org_id):
            return write_all(prepared)[0].result.value

    took, answers = timed(write, wanted)
    counts = Counter(answers)
    return {**_figures(took), "before ms": percentile(before[WARM_UP:], 0.5), "outcomes": dict(counts)}


def plain(agent: Agent, wanted: Sequence[str]) -> dict[str, Any]:
    """The baseline: embed, insert, commit."""
    from django.db import connection

    from memories.embedding import embed_texts

    def write(text: str, _number: int) -> None:
        vector = str(embed_texts([text])[0].tolist())
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO benchmark_plain (agent_id, content, embedding) VALUES (%s, %s, %s::halfvec)",
                [agent.pk, text, vector],
            )

    # The embedding cache would answer for texts that were refined before.
    return _figures(timed(write, [f"Once more: {text}" for text in wanted])[0])


def _figures(took: Sequence[float]) -> dict[str, float]:
    return {f"p{round(share * 100)} ms": percentile(took, share) for share in (0.5, 0.95, 0.99)}


def run(sizes: Sequence[int], writes: int, admin_url: str) -> int:
    """Fill the agents, then write to each."""
    from memories import rollout

    many_memories.prepare_pool(admin_url)
    _make_plain_table(admin_url)
    agents = {size: make_agent(f"agent-{size}") for size in sizes}
    many_memories.fill(admin_url, {agent: size for size, agent in agents.items()}, 0)
    rollout.build_indexes()
    wanted = texts(WARM_UP + writes)
    results = {f"agent of {size:,}": refined(agent, wanted) for size, agent in agents.items()}
    results["plain insert"] = plain(agents[sizes[0]], wanted)
    return report(results, writes)


def _make_plain_table(admin_url: str) -> None:
    import psycopg
    from django.conf import settings

    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(_PLAIN_TABLE)
        admin.execute(f'GRANT ALL ON benchmark_plain TO "{settings.DATABASES["default"]["USER"]}"')


def report(results: dict[str, dict[str, Any]], writes: int) -> int:
    """Print the table and hold the figures against the promise."""
    columns = ["p50 ms", "p95 ms", "p99 ms", "before ms"]
    lines = [
        (name, *(f"{figures[column]:.1f}" if column in figures else "" for column in columns),
         ", ".join(f"{count} {what}" for what, count in sorted(figures.get("outcomes", {}).items())))
        for name, figures in results.items()
    ]  # fmt: skip
    print_table(f"One memory through nine steps, {writes} writes", ("", *columns, "what became of them"), lines)
    promises = [
        Promise(name=f"p95, {name}", value=figures["p95 ms"], unit="ms", limit=P95_MS)
        for name, figures in results.items()
        if name != "plain insert"
    ]
    return finish("write_latency", promises, writes=writes, results=results)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="without the largest agent, and fewer writes")
    options = parser.parse_args()
    with own_vault(postgres={}) as addresses:
        sizes, writes = (SHORT_SIZES, SHORT_WRITES) if options.short else (SIZES, WRITES)
        return run(sizes, writes, addresses.admin_url)


if __name__ == "__main__":
    sys.exit(main())
