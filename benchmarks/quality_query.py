"""What memories are searched for: the last message alone, always with the turn before it, or as IBEX builds it.

    .venv/bin/python benchmarks/quality_query.py [--short] [--data PATH]

PATH holds locomo.json (default ../shared/data/dev beside the repository). Each conversation becomes an agent's
excerpts. Out of its questions dialogues of two turns are made, without any model:

* "and when?": a question, its own answer, and one of a few short follow-ups to it; the evidence is the question's.
* "he, she": a question and its answer, then another question about the same person, whose name gives way to a pronoun.
* "another subject": a question and its answer, then one about somebody else, as it stands: the turn before is noise.

Recall@10 of the evidence by the product's own search, under Row-Level Security. Short: one conversation, every eighth
dialogue. Writes benchmarks/results/quality_query.json; exits 1 when a promise breaks, 2 when the data is not there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from asgiref.sync import sync_to_async

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, print_table
from benchmarks.quality_retrieval import Keys, analyze, ingest
from benchmarks.retrieval_sets import Asked, Talk, locomo
from benchmarks.vault import own_vault

if TYPE_CHECKING:
    from agents.models import Agent

ROOT = Path(__file__).resolve().parent.parent
LAST, ALWAYS, OURS = "last message alone", "always with the turn before", "as IBEX builds it"
SHORTLY, PRONOUN, ANOTHER = '"and when?"', '"he, she"', "another subject"
FOLLOW_UPS = ("And when was that?", "Why?", "Tell me more about it.", "How did that go?", "And who else?")
FOUND = 10
SHORT_STEP = 8
LOSS_MAX = 0.02
"""Of recall, on each kind against the better of the two plain ways."""

Messages = list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """Two turns, and the evidence of what is asked last."""

    kind: str
    messages: Messages
    evidence: tuple[str, ...]


def dialogues(talk: Talk, answers: Mapping[str, str], names: Sequence[str]) -> Iterator[Dialogue]:
    """All that can be made of a conversation's questions, in their order."""
    asked = [one for one in talk.asked if one.counts and answers.get(one.text)]
    for at, (first, second) in enumerate(pairwise(asked)):
        before = [
            {"role": "user", "content": first.text},
            {"role": "assistant", "content": answers[first.text]},
        ]

        def said(kind: str, text: str, of: Asked, before: Messages = before) -> Dialogue:
            return Dialogue(kind=kind, messages=[*before, {"role": "user", "content": text}], evidence=of.evidence)

        yield said(SHORTLY, FOLLOW_UPS[at % len(FOLLOW_UPS)], first)
        mine, its = (_named(one.text, names) for one in (first, second))
        if its and mine == its:
            yield said(PRONOUN, _with_pronoun(second.text, its), second)
        elif its:
            yield said(ANOTHER, second.text, second)


def _named(text: str, names: Sequence[str]) -> str:
    found = [name for name in names if re.search(rf"\b{name}\b", text)]
    return found[0] if len(found) == 1 else ""


def _with_pronoun(text: str, name: str) -> str:
    """Pronouns without gender: the set does not say, and search does not care."""
    return re.sub(rf"\b{name}\b", "they", re.sub(rf"\b{name}(?:'s|\u2019s)", "their", text))


def queries(messages: Messages) -> dict[str, str]:
    """What each way searches for, within the same bounds."""
    from context import query

    ours = query.build_query(messages)
    alone = query.build_query(messages[-1:])
    leans, query.leans_on_context = query.leans_on_context, lambda _: True
    try:
        always = query.build_query(messages)
    finally:
        query.leans_on_context = leans
    return {LAST: alone, ALWAYS: always, OURS: ours}


async def recall(agent: Agent, keys: Keys, text: str, evidence: Sequence[str]) -> float:
    """Share of the evidence among the first FOUND."""
    from memories.retrieval.search import Query, search

    wanted = Query(
        org_id=agent.org_id, agent_id=agent.pk, text=text, limit=FOUND, include_memories=False, include_excerpts=True
    )
    found = {keys[str(row.checkpoint_id), row.role] for row in await search(wanted)}
    return len(found.intersection(evidence)) / len(evidence)


async def run(folder: Path, talks: Sequence[Talk], step: int) -> int:
    """Ask every dialogue in every way, and hold the figures against the promises."""
    from ibex.core.database import close_hot_pool, open_hot_pool

    raw: dict[str, Any] = {talk["conv_id"]: talk for talk in json.loads((folder / "locomo.json").read_text())}
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    await open_hot_pool()
    try:
        for talk in talks:
            said = raw[talk.name]
            answers = {one["question"]: str(one.get("answer", "")) for one in said["questions"]}
            agent, keys = await sync_to_async(ingest)(talk)
            await sync_to_async(analyze)()
            for dialogue in list(dialogues(talk, answers, said["speakers"]))[::step]:
                for way, text in queries(dialogue.messages).items():
                    figures[dialogue.kind, way].append(await recall(agent, keys, text, dialogue.evidence))
    finally:
        await close_hot_pool()
    means = {key: float(np.mean(scored)) for key, scored in figures.items()}
    kinds = [kind for kind in (SHORTLY, PRONOUN, ANOTHER) if (kind, OURS) in means]
    rows = [[way, *(f"{means[kind, way]:.3f}" for kind in kinds)] for way in (LAST, ALWAYS, OURS)]
    columns = [f"{kind} ({len(figures[kind, OURS])})" for kind in kinds]
    print_table(f"Recall@{FOUND} of the evidence", ("searched for", *columns), rows)
    return finish(
        "quality_query", [_promise(means, kind) for kind in kinds], recall={str(k): v for k, v in means.items()}
    )


def _promise(means: Mapping[tuple[str, str], float], kind: str) -> Promise:
    best = max(means[kind, LAST], means[kind, ALWAYS])
    return Promise(
        name=f"{kind}: lost to the better plain way", value=best - means[kind, OURS], unit="", limit=LOSS_MAX
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one conversation, every eighth dialogue")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    options = parser.parse_args()
    try:
        talks = [talk for talk, _ in locomo(options.data)]
    except FileNotFoundError as missing:
        print(f"LoCoMo is not there: {missing}. Name its folder with --data.", file=sys.stderr)
        return 2
    with own_vault():
        return asyncio.run(run(options.data, talks[:1], SHORT_STEP) if options.short else run(options.data, talks, 1))


if __name__ == "__main__":
    sys.exit(main())
