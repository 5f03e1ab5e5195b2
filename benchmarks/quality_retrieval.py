"""How much of a question's evidence is found: the product's own search, with plain baselines in the same run.

    .venv/bin/python benchmarks/quality_retrieval.py [--short] [--data PATH]

PATH holds locomo.json, beam100k.json and longmemeval_mini.json (default ../shared/data/dev beside the repository).
Turns become sessions, checkpoints and excerpts as the worker makes them, without any model call; questions go through
`memories.retrieval.search.search()` as the application's role, under Row-Level Security. One setting serves all sets.

R@k: share of a question's evidence within the first k, averaged over questions; All@10: all of it within the first 10.
Baselines rank the same turns: BM25 (k1 .9, b .4) on "date speaker: text" as PostgreSQL stems it, cosine of the plain
text, and reciprocal rank fusion (k = 60) of both. A busy agent's copy in a web process compares only the rows that a
sieve leaves (memories/retrieval/near.py): how many of a question's 50 nearest of all sets' turns together it leaves, is
a promise too. Short: every fourth question, under a minute. Writes
benchmarks/results/quality_retrieval.json; exits 1 when a promise breaks, 2 when the data is not there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, percentile, print_table
from benchmarks.retrieval_sets import Asked, Said, Set, Talk, load
from benchmarks.sieve import NEAREST, sieve_recall
from benchmarks.vault import make_agent, own_vault

if TYPE_CHECKING:
    from agents.models import Agent, Checkpoint

ROOT = Path(__file__).resolve().parent.parent
KS = (5, 10, 20, 50)
COLUMNS = (*(f"R@{k}" for k in KS), "All@10", "MRR")
DEPTH = 100
"""How deep a ranking is asked for; session rankings need more turns than sessions."""
SHORT_STEP = 4
BM25_K1, BM25_B, RRF_K = 0.9, 0.4, 60
IBEX = "IBEX search()"
GOALS = (
    ("LoCoMo", 10, 0.80),
    ("LoCoMo", 20, 0.86),
    ("BEAM, user side", 10, 0.74),
    ("LongMemEval-mini, sessions", 5, 0.98),
)
SIEVE_GOAL = 0.99

Ranking = Callable[[Asked], list[str]]
Keys = dict[tuple[str, str], str]
"""The set's own key of what was said, by checkpoint and role."""
Figures = dict[str, dict[str, list[list[float]]]]
"""By method and kind of question (and "overall"): the figures of each question."""


def score(evidence: Sequence[str], ranked: Sequence[str]) -> list[float]:
    """The figures of one question, in the order of COLUMNS."""
    place = {key: rank for rank, key in reversed(list(enumerate(dict.fromkeys(ranked), 1)))}
    ranks = [place.get(key, math.inf) for key in evidence]
    recall = [sum(rank <= k for rank in ranks) / len(ranks) for k in KS]
    return [*recall, float(max(ranks) <= 10), 1 / min(ranks)]


class Baselines:
    """BM25, cosine and their reciprocal rank fusion over one talk's turns."""

    def __init__(self, said: Sequence[Said]) -> None:
        from memories.embedding import embed_texts
        from memories.excerpts import searchable

        self.keys = [one.key for one in said]
        self.vectors = embed_texts([one.text for one in said])
        self.words = lexemes([searchable(one.at, one.speaker or one.role, one.text) for one in said])
        self.lengths = np.array([sum(words.values()) for words in self.words])
        self.known = Counter(word for words in self.words for word in words)

    def bm25(self, asked: Asked) -> np.ndarray:
        """BM25 of every turn."""
        scores = np.zeros(len(self.words))
        norm = BM25_K1 * (1 - BM25_B + BM25_B * self.lengths / self.lengths.mean())
        for word in lexemes([asked.text])[0]:
            idf = math.log(1 + (len(self.words) - self.known[word] + 0.5) / (self.known[word] + 0.5))
            counts = np.array([words.get(word, 0) for words in self.words])
            scores += idf * counts * (BM25_K1 + 1) / (counts + norm)
        return scores

    def cosine(self, asked: Asked) -> np.ndarray:
        """Cosine of every turn's own text to the question."""
        from memories.embedding import embed_texts

        return self.vectors @ embed_texts([asked.text])[0]

    def fused(self, asked: Asked) -> np.ndarray:
        """Reciprocal rank fusion of both."""
        total = np.zeros(len(self.keys))
        for scores in (self.bm25(asked), self.cosine(asked)):
            order = np.argsort(-scores, kind="stable")
            total[order] += 1 / (RRF_K + 1 + np.arange(len(order)))
        return total

    def ranking(self, scores: Callable[[Asked], np.ndarray]) -> Ranking:
        """The keys in the order of `scores`."""
        return lambda asked: [self.keys[at] for at in np.argsort(-scores(asked), kind="stable")]


def lexemes(texts: Sequence[str]) -> list[dict[str, int]]:
    """The words of each text with their counts, as PostgreSQL's English configuration stems them."""
    from django.db import connection

    statement = """SELECT (SELECT jsonb_object_agg(lexeme, coalesce(array_length(positions, 1), 1))
        FROM unnest(to_tsvector('english', body)))
        FROM unnest(%s::text[]) WITH ORDINALITY AS t(body, place) ORDER BY place"""
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(texts)])
        return [json.loads(row[0]) if isinstance(row[0], str) else row[0] or {} for row in cursor.fetchall()]


def ingest(talk: Talk) -> tuple[Agent, Keys]:
    """The talk as an agent's sessions, checkpoints and excerpts; returns the key behind each (checkpoint, role)."""
    from agents.models import Session
    from ibex.core.tenancy import scope
    from memories import excerpts

    agent = make_agent(talk.name.lower())
    keys: Keys = {}
    by_session: dict[int, list[Said]] = defaultdict(list)
    for one in talk.said:
        by_session[one.session].append(one)
    for said in by_session.values():
        with scope(agent.org_id):
            session = Session.objects.create(
                org_id=agent.org_id, agent=agent, started_at=said[0].at, last_turn_at=said[-1].at
            )
            turns = [make_turn(session, number, pair) for number, pair in enumerate(pairs(said), 1)]
        kept = excerpts.prepare(turns)
        with scope(agent.org_id):
            excerpts.keep(kept)
        for turn, pair in zip(turns, pairs(said), strict=True):
            keys |= {(str(turn.pk), one.role): one.key for one in pair}
    return agent, keys


def analyze() -> None:
    """Count the new rows, as the server does by itself within a minute: without it the planner takes them for none."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE memories_excerpt")


def pairs(said: Sequence[Said]) -> list[list[Said]]:
    """Turns: what a user said, with the assistant's answer where there is one."""
    turns: list[list[Said]] = []
    for one in said:
        if one.role == "assistant" and turns and turns[-1][-1].role == "user":
            turns[-1].append(one)
        else:
            turns.append([one])
    return turns


def make_turn(session: object, number: int, pair: Sequence[Said]) -> Checkpoint:
    """One checkpoint, as the drain writes it."""
    from agents.models import Checkpoint
    from ibex.core.ids import uuid7

    text = {one.role: one.text for one in pair}
    message = {"role": "user", "content": text.get("user", "")}
    message |= {"name": pair[0].speaker} if pair[0].speaker else {}
    return Checkpoint.objects.create(
        org_id=session.org_id, agent_id=session.agent_id, session=session, number=number, turn_id=uuid7(),
        messages=[message], user_text=text.get("user", ""), assistant_text=text.get("assistant", ""),
        said_at=pair[0].at, finished_at=pair[-1].at,
    )  # fmt: skip


async def answers(
    agent: Agent, talk: Talk, keys: dict[tuple[str, str], str], asked: Sequence[Asked]
) -> list[list[str]]:
    """The keys that the product's search finds for each question, best first; its times go to TIMES_MS."""
    from memories.retrieval.search import Query, search

    found = []
    for question in asked:
        query = Query(
            org_id=agent.org_id, agent_id=agent.pk, text=question.text, limit=DEPTH, include_memories=False,
            include_excerpts=True, roles=talk.roles,
        )  # fmt: skip
        start = time.perf_counter()
        rows = await search(query)
        TIMES_MS.append((time.perf_counter() - start) * 1000)
        found.append([keys[str(row.checkpoint_id), row.role] for row in rows])
    return found


TIMES_MS: list[float] = []


async def measure(chosen: Set, step: int) -> Figures:
    """Ask every `step`th question of a set, of the product and of the baselines."""
    from asgiref.sync import sync_to_async

    figures: Figures = defaultdict(lambda: defaultdict(list))
    for talk in chosen.talks:
        asked = talk.asked[::step]
        agent, keys = await sync_to_async(ingest)(talk)
        await sync_to_async(analyze)()
        searched = await answers(agent, talk, keys, asked)
        baseline = await sync_to_async(baselines)(talk, asked)
        for method, rankings in (baseline | {IBEX: searched}).items():
            for question, ranking in zip(asked, rankings, strict=True):
                row = score(question.evidence, ranking)
                figures[method][question.kind].append(row)
                if question.counts:
                    figures[method]["overall"].append(row)
    return figures


def baselines(talk: Talk, asked: Sequence[Asked]) -> dict[str, list[list[str]]]:
    """Rankings of the plain methods over the same turns."""
    plain = Baselines([one for one in talk.said if not talk.roles or one.role in talk.roles])
    methods = {
        "BM25": plain.ranking(plain.bm25),
        "MiniLM cosine": plain.ranking(plain.cosine),
        "RRF of both": plain.ranking(plain.fused),
    }
    return {name: [rank(question) for question in asked] for name, rank in methods.items()}


def table(chosen: Set, figures: dict[str, dict[str, list[list[float]]]]) -> dict[str, dict[str, float]]:
    """Print one set's table; the overall figures of each method."""
    means = {
        method: dict(zip(COLUMNS, np.mean(kinds["overall"], axis=0), strict=True)) for method, kinds in figures.items()
    }
    rows = [
        [method, len(figures[method]["overall"]), *(f"{value:.3f}" for value in row.values())]
        for method, row in means.items()
    ]
    for kind, scored in sorted(figures[IBEX].items()):
        if kind != "overall" and len(figures[IBEX]) > 2:
            rows.append([f"  {IBEX}: {kind}", len(scored), *(f"{value:.3f}" for value in np.mean(scored, axis=0))])
    print_table(chosen.name, ("method", "questions", *COLUMNS), rows)
    return {method: {name: float(value) for name, value in row.items()} for method, row in means.items()}


async def run(sets: Sequence[Set], step: int) -> int:
    """Measure every set and hold the figures against the goals."""
    from ibex.core.database import close_hot_pool, open_hot_pool

    await open_hot_pool()
    try:
        overall = {chosen.name: table(chosen, await measure(chosen, step)) for chosen in sets}
    finally:
        await close_hot_pool()
    promises = [
        Promise(name=f"{name}: R@{k}", value=overall[name][IBEX][f"R@{k}"], unit="", limit=goal, at_least=True)
        for name, k, goal in GOALS
    ]
    left, turns = sieve_recall(sets, step)
    name = f"{NEAREST} nearest of {turns:,} turns left by the sieve of a held copy"
    promises.append(Promise(name=name, value=left, unit="", limit=SIEVE_GOAL, at_least=True))
    p50, p95 = percentile(TIMES_MS, 0.5), percentile(TIMES_MS, 0.95)
    print(
        f"search(), embedding the question included: p50 {p50:.1f} ms, p95 {p95:.1f} ms over {len(TIMES_MS)} questions"
    )
    return finish("quality_retrieval", promises, overall=overall, search_ms={"p50": p50, "p95": p95})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="every fourth question")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    options = parser.parse_args()
    try:
        sets = load(options.data)
    except FileNotFoundError as missing:
        print(f"The public sets are not there: {missing}. Name their folder with --data.", file=sys.stderr)
        return 2
    with own_vault():
        return asyncio.run(run(sets, SHORT_STEP if options.short else 1))


if __name__ == "__main__":
    sys.exit(main())
