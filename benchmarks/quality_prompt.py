"""How much of a question's evidence is in the prompt, with memories, with excerpts, and with both.

    .venv/bin/python benchmarks/quality_prompt.py [--short] [--data PATH]

PATH holds locomo.json (default ../shared/data/dev beside the repository). Each conversation becomes an agent whose
turns are mined as the worker does it, so that there are the local extractor's memories and the turns' excerpts; and
another one whose memories are the set's own annotated observations. Every question is asked of the product's own
search, under Row-Level Security, and what it finds is assembled by the product's own code at each budget.

Evidence counts as in the prompt when a turn that answers the question is quoted there, or a memory that was learned
from it is. The shares are those that excerpts have of the budget (`context.choose.EXCERPT_SHARE`): the figures beside
it come from here. Short: every eighth question of one conversation. Writes benchmarks/results/quality_prompt.json;
exits 1 when a promise breaks, 2 when the data is not there.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from asgiref.sync import sync_to_async

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, print_table
from benchmarks.quality_retrieval import Keys, analyze, ingest
from benchmarks.retrieval_sets import Asked, Observation, Talk, locomo
from benchmarks.vault import own_vault

if TYPE_CHECKING:
    from uuid import UUID

    from agents.models import Agent
    from context.desk_read import HotMemory
    from context.retrieve import Directive, Lookup
    from context.values import Assembly, Candidate

ROOT = Path(__file__).resolve().parent.parent
BUDGETS = (500, 1_000, 2_000)
SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.7)
MEMORIES, EXCERPTS, BOTH = "memories only", "excerpts only", "both"
SHORT_STEP, SHORT_TALKS = 8, 1
GAIN = 0.0
"""Both find at least as much as memories alone, at every budget and with either kind of memories."""

Evidence = dict["UUID", set[str]]
"""Which turns a memory or an excerpt stands for."""
Figures = dict[tuple[str, float, int], list[tuple[float, float]]]
"""(mode, share, budget): of each question, (share of its evidence, tokens added)."""


@dataclass
class Served:
    """What one question's search found, served to every assembly of it; a retriever of assembly."""

    memories: Sequence[Candidate] = ()
    said: Sequence[Candidate] = ()

    async def directive(self, _lookup: Lookup) -> Directive:
        from context.vault import NO_DIRECTIVE

        return NO_DIRECTIVE

    async def hot(self, _lookup: Lookup) -> Sequence[HotMemory]:
        return ()

    async def cold(self, _lookup: Lookup) -> Sequence[Candidate]:
        return self.memories

    async def excerpts(self, _lookup: Lookup) -> Sequence[Candidate]:
        return self.said

    async def alive(self, lookup: Lookup) -> Collection[UUID]:
        return lookup.shown


def annotated(agent: Agent, talk: Talk, observations: Sequence[Observation]) -> Evidence:
    """The set's own observations as the agent's memories; which turns each was learned from."""
    from ibex.core.tenancy import scope
    from ibex.core.tokens import count
    from memories.embedding import MODEL_NAME, embed_texts
    from memories.models import Memory
    from memories.retrieval.perspective import first_person

    at = {one.key: one.at for one in talk.said}
    kept = [one for one in observations if one.sources and one.sources[0] in at]
    vectors = embed_texts([first_person(one.text) for one in kept])
    with scope(agent.org_id):
        rows = Memory.objects.bulk_create(
            Memory(
                org_id=agent.org_id,
                agent=agent,
                content=one.text,
                content_hash=one.text.encode()[:32] + str(place).encode(),
                category="factual",
                source="extracted",
                tokens=count(one.text),
                observed_at=at[one.sources[0]],
                embedding=vector.tolist(),
                embedding_model=MODEL_NAME,
            )
            for place, (one, vector) in enumerate(zip(kept, vectors, strict=True))
        )
    return {row.pk: set(one.sources) for row, one in zip(rows, kept, strict=True)}


def mined(agent: Agent, keys: Keys) -> Evidence:
    """What the worker learns of the agent's turns with the local extractor; which turn each memory was learned from."""
    from agents.models import Session
    from ibex.core.tenancy import scope
    from memories.mining.work import mine_session
    from memories.models import Memory

    with scope(agent.org_id):
        sessions = list(Session.objects.of(agent.org_id).values_list("pk", flat=True))
    for session_id in sessions:
        mine_session(agent.org_id, session_id)
    with scope(agent.org_id):
        rows = Memory.objects.of(agent.org_id).filter(status="active").values_list("pk", "checkpoint_id")
        return {pk: {keys[str(checkpoint_id), "user"]} for pk, checkpoint_id in rows if checkpoint_id}


def quoted(agent: Agent, keys: Keys) -> Evidence:
    """Which turn each excerpt is of."""
    from ibex.core.tenancy import scope
    from memories.models import Excerpt

    with scope(agent.org_id):
        rows = Excerpt.objects.of(agent.org_id).values_list("pk", "checkpoint_id", "role")
        return {pk: {keys[str(checkpoint_id), role]} for pk, checkpoint_id, role in rows}


async def served(agent: Agent, asked: Asked) -> Served:
    """What the product's search finds for one question."""
    from context.query import build_query
    from context.retrieve import Lookup
    from context.stopwatch import Stopwatch
    from context.vault import VaultRetriever

    query = build_query([{"role": "user", "content": asked.text}])
    lookup = Lookup(org_id=agent.org_id, agent_id=agent.pk, end_user="", query=query, watch=Stopwatch())
    vault = VaultRetriever()
    return Served(memories=await vault.cold(lookup), said=await vault.excerpts(lookup))


async def assembled(agent: Agent, asked: Asked, found: Served, *, budget: int, now: float) -> Assembly:
    """The product's assembly of one question, with all the time that it wants."""
    from agents.principal import AgentCard
    from context.assembler import assemble
    from context.desk_read import DeskRead
    from context.values import Question

    card = AgentCard(
        id=agent.pk, org_id=agent.org_id, slug="a", name="A", status="active", injection_mode="system_first",
        memory_tokens=budget, learns=True, remembers=True, trusts_body_user=True, idle_minutes=None,
    )  # fmt: skip
    body = {"messages": [{"role": "user", "content": asked.text}]}
    desk = DeskRead(directive="", hot=())
    question = Question(org_id=agent.org_id, agent=card, model="gpt-4o", body=body, desk=desk, now=now)
    return await assemble(question, retriever=found)


async def measure(agent: Agent, talk: Talk, evidence: Evidence, step: int, figures: Figures) -> None:
    """Every mode, share and budget of every `step`th question."""
    from context import choose

    now = (max(one.at for one in talk.said) + timedelta(days=1)).timestamp()
    for asked in (one for one in talk.asked[::step] if one.counts):
        found = await served(agent, asked)
        sources = {MEMORIES: Served(memories=found.memories), EXCERPTS: Served(said=found.said), BOTH: found}
        for mode, source in sources.items():
            for share in SHARES if mode == BOTH else (choose.EXCERPT_SHARE,):
                with patched(choose, "EXCERPT_SHARE", share):
                    for budget in BUDGETS:
                        result = await assembled(agent, asked, source, budget=budget, now=now)
                        shown = set().union(*(evidence.get(line.id, set()) for line in result.packed))
                        held = len(shown.intersection(asked.evidence)) / len(asked.evidence)
                        figures[mode, share, budget].append((held, result.context_tokens))


@contextmanager
def patched(module: object, name: str, value: float) -> Iterator[None]:
    """A constant of the product's with another value for a while."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def table(title: str, figures: Figures) -> dict[str, dict[str, float]]:
    """Print one kind of memories; the means by line and budget."""
    means = {key: np.mean(scored, axis=0) for key, scored in figures.items()}
    lines = [MEMORIES, EXCERPTS, *(_line(BOTH, share) for share in SHARES)]
    named = {(_line(mode, share), budget): mean for (mode, share, budget), mean in means.items()}

    def cells(line: str) -> Iterator[str]:
        for held, tokens in (named[line, budget] for budget in BUDGETS):
            yield from (f"{held:.3f}", f"{tokens:,.0f}")

    rows = [[line, *cells(line)] for line in lines]
    columns = [column for budget in BUDGETS for column in (f"evidence at {budget:,}", "tokens")]
    print_table(f"{title}, {len(next(iter(figures.values())))} questions", ("prompt", *columns), rows)
    return {line: {str(budget): float(named[line, budget][0]) for budget in BUDGETS} for line in lines}


def _line(mode: str, share: float) -> str:
    return f"{mode}, share {share:.1f}" if mode == BOTH else mode


async def run(talks: Sequence[tuple[Talk, Sequence[Observation]]], step: int) -> int:
    """Measure both kinds of memories and hold the figures against the promises."""
    from context import assembler
    from ibex.core.database import close_hot_pool, open_hot_pool

    assembler.RETRIEVAL_DEADLINE_S, assembler.WALL_S = 30.0, 60.0
    await open_hot_pool()
    kinds: dict[str, Figures] = {
        "the local extractor's memories": defaultdict(list),
        "annotated memories": defaultdict(list),
    }
    try:
        for talk, observations in talks:
            for kind, figures in kinds.items():
                agent, keys = await sync_to_async(ingest)(talk)
                if kind.startswith("annotated"):
                    evidence = await sync_to_async(annotated)(agent, talk, observations)
                else:
                    evidence = await sync_to_async(mined)(agent, keys)
                evidence |= await sync_to_async(quoted)(agent, keys)
                await sync_to_async(analyze)()
                await measure(agent, talk, evidence, step, figures)
    finally:
        await close_hot_pool()
    means = {kind: table(kind, figures) for kind, figures in kinds.items()}
    return finish("quality_prompt", list(promises(means)), evidence=means)


def promises(means: Mapping[str, dict[str, dict[str, float]]]) -> Iterator[Promise]:
    """Excerpts never crowd out memories: with them, as much of the evidence is there at least."""
    from context import choose

    for kind, lines in means.items():
        for budget in BUDGETS:
            both = lines[_line(BOTH, choose.EXCERPT_SHARE)][str(budget)]
            yield Promise(
                name=f"{kind}, {budget:,} tokens: gain in evidence by excerpts",
                value=both - lines[MEMORIES][str(budget)],
                unit="",
                limit=GAIN,
                at_least=True,
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="every eighth question of one conversation")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    options = parser.parse_args()
    try:
        talks = locomo(options.data)
    except FileNotFoundError as missing:
        print(f"LoCoMo is not there: {missing}. Name its folder with --data.", file=sys.stderr)
        return 2
    with own_vault():
        return asyncio.run(run(talks[:SHORT_TALKS], SHORT_STEP) if options.short else run(talks, 1))


if __name__ == "__main__":
    sys.exit(main())
