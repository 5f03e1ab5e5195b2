"""What a provider's prefix cache keeps of prompts: without IBEX, with it, and with memories in the first message.

    .venv/bin/python benchmarks/prompt_cache.py [--short] [--data PATH]

PATH holds locomo.json (default ../shared/data/dev beside the repository). Of each conversation the first half of the
sessions is what the agent knows: its turns as excerpts, the set's observations as memories. The second is replayed as
one long chat of an application that sends its whole history: one speaker asks, the other answers. Every call goes
through the product's own search and assembly, and what a session was shown is kept between calls as the desk keeps it.

A provider keeps the prompt of the call before. Its hit is modelled as OpenAI documents it: nothing below 1,024 tokens,
then whole blocks of 128 of the longest common prefix. "exact" is that prefix itself. Costs are those of input tokens
against a chat without memories, where cached tokens cost a half or a tenth of others. "naive" puts the memories of each
turn into the first system message, as is usual.

Short: one conversation, 60 turns. Writes benchmarks/results/prompt_cache.json; exits 1 when a promise breaks, 2 when
the data is not there.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from asgiref.sync import sync_to_async

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promises import Promise, finish, print_table
from benchmarks.quality_prompt import annotated
from benchmarks.quality_retrieval import analyze, ingest
from benchmarks.retrieval_sets import Observation, Talk, locomo
from benchmarks.vault import own_vault

if TYPE_CHECKING:
    from agents.models import Agent

ROOT = Path(__file__).resolve().parent.parent
WITHOUT, IBEX, NAIVE = "without IBEX", "with IBEX", "naive: memories in the first system message"
CACHE_FROM, CACHE_BLOCK = 1_024, 128
"""Tokens: OpenAI's guide to prompt caching."""
CACHED_PRICES = (0.5, 0.1)
"""Of an uncached token, what a cached one costs: with older and with newer models."""
MESSAGE_TOKENS = 4
SYSTEM = "You are a companion. You talk with people about their lives, and you remember what they tell you."
SHORT_TURNS = 60
LOSS_MAX = 0.05
"""IBEX's hit share may be this much below that of a chat without memories: what a turn adds is new, and once the budget
is full the oldest blocks go, which changes the prefix once in many turns."""
ABOVE_NAIVE = 0.25
"""And is at least this much above the usual way."""

Prompt = Sequence[Mapping[str, Any]]


@dataclass
class Line:
    """Tokens of all calls of one way."""

    calls: int = 0
    sent: int = 0
    common: int = 0
    hit: int = 0

    def add(self, prompt: Prompt, before: Prompt | None) -> None:
        """One more call, after `before`."""
        common = common_tokens(prompt, before) if before else 0
        self.calls += 1
        self.sent += sum(map(tokens_of, prompt))
        self.common += common
        self.hit += common // CACHE_BLOCK * CACHE_BLOCK if common >= CACHE_FROM else 0

    @property
    def share(self) -> float:
        """Of the prompt tokens, those that the model of a cache hits."""
        return self.hit / self.sent

    def cost(self, cached_price: float) -> float:
        """In tokens at full price."""
        return self.sent - self.hit * (1 - cached_price)


def tokens_of(message: Mapping[str, Any]) -> int:
    """Of one message, with what stands around it."""
    return MESSAGE_TOKENS + counted(message["content"])


@lru_cache(maxsize=8_192)
def counted(text: str) -> int:
    """Tokens of a text, by the product's tokenizer."""
    from ibex.core.tokens import count

    return count(text)


def common_tokens(prompt: Prompt, before: Prompt) -> int:
    """Tokens of the longest common prefix."""
    total = 0
    for mine, its in zip(prompt, before, strict=False):
        if mine == its:
            total += tokens_of(mine)
            continue
        if mine["role"] == its["role"]:
            same = next(
                (at for at, (a, b) in enumerate(zip(mine["content"], its["content"], strict=False)) if a != b), 0
            )
            total += counted(mine["content"][:same])
        break
    return total


def halves(talk: Talk) -> tuple[Talk, list[tuple[str, str]]]:
    """What is known before, and the (user, assistant) turns of the chat that is replayed."""
    sessions = sorted({one.session for one in talk.said})
    known = set(sessions[: len(sessions) // 2])
    asks = talk.said[0].speaker
    later = [one for one in talk.said if one.session not in known]
    turns: list[tuple[str, str]] = []
    for one in later:
        if one.speaker == asks:
            turns.append((one.text, ""))
        elif turns:
            asked, answered = turns[-1]
            turns[-1] = (asked, f"{answered}\n{one.text}".strip())
    return replace(talk, said=tuple(one for one in talk.said if one.session in known)), turns


async def chat(agent: Agent, turns: Sequence[tuple[str, str]], now: float, lines: dict[str, Line]) -> None:
    """Replay one chat in the three ways."""
    from context.desk_read import dump_blocks, parse_blocks

    history: list[dict[str, str]] = [{"role": "system", "content": SYSTEM}]
    kept, last, session_id = b"[]", dict.fromkeys((WITHOUT, IBEX, NAIVE)), uuid4()
    for at, (asked, answered) in enumerate(turns):
        history.append({"role": "user", "content": asked})
        shown = parse_blocks(kept)
        with_ibex = await assembled(agent, history, shown, session_id, now + 60 * at)
        if with_ibex.blocks is not None:
            kept = dump_blocks(with_ibex.blocks)
        alone = await assembled(agent, history, (), session_id, now + 60 * at) if shown else with_ibex
        block = alone.new_block.text if alone.new_block else ""
        first = {"role": "system", "content": f"{SYSTEM}\n\n{block}".strip()}
        prompts: dict[str, Prompt] = {
            WITHOUT: list(history),
            IBEX: with_ibex.messages,
            NAIVE: [first, *history[1:]],
        }
        for way, prompt in prompts.items():
            lines[way].add(prompt, last[way])
            last[way] = prompt
        history.append({"role": "assistant", "content": answered or "I see."})


async def assembled(agent: Agent, history: Prompt, shown: Any, session_id: Any, now: float) -> Any:
    """The product's assembly of one call, with all the time that it wants."""
    from agents.principal import AgentCard
    from context.assembler import assemble
    from context.desk_read import DeskRead
    from context.values import Question

    card = AgentCard(
        id=agent.pk, org_id=agent.org_id, slug="a", name="A", status="active", injection_mode="system_first",
        memory_tokens=2_000, learns=True, remembers=True, trusts_body_user=True, idle_minutes=None,
    )  # fmt: skip
    return await assemble(
        Question(
            org_id=agent.org_id,
            agent=card,
            session_id=session_id,
            model="gpt-4o",
            body={"messages": list(history)},
            desk=DeskRead(directive="", hot=(), shown_blocks=shown),
            now=now,
        )
    )


def table(lines: Mapping[str, Line]) -> dict[str, dict[str, float]]:
    """Print the three ways; their figures."""
    base = lines[WITHOUT]
    figures = {
        way: {
            "tokens a call": line.sent / line.calls,
            "added a call": (line.sent - base.sent) / line.calls,
            "exact prefix": line.common / line.sent,
            "cache hits": line.share,
            **{f"cost, cached at {price}": line.cost(price) / base.cost(price) for price in CACHED_PRICES},
        }
        for way, line in lines.items()
    }
    rows = [
        [way, *(f"{value:,.0f}" if "call" in name else f"{value:.3f}" for name, value in said.items())]
        for way, said in figures.items()
    ]
    print_table(f"{base.calls} calls", ("prompts", *figures[WITHOUT]), rows)
    return figures


def promises(lines: Mapping[str, Line]) -> Iterator[Promise]:
    """Close to a chat without memories, far above the usual way."""
    lost = lines[WITHOUT].share - lines[IBEX].share
    yield Promise(name="share of cache hits lost by IBEX", value=lost, unit="", limit=LOSS_MAX)
    above = lines[IBEX].share - lines[NAIVE].share
    yield Promise(
        name="share of cache hits above the naive way", value=above, unit="", limit=ABOVE_NAIVE, at_least=True
    )


async def run(talks: Sequence[tuple[Talk, Sequence[Observation]]], most: int | None) -> int:
    """Replay every conversation and hold the figures against the promises."""
    from context import assembler
    from ibex.core.database import close_hot_pool, open_hot_pool

    assembler.RETRIEVAL_DEADLINE_S, assembler.WALL_S = 30.0, 60.0
    lines: dict[str, Line] = defaultdict(Line)
    await open_hot_pool()
    try:
        for talk, observations in talks:
            known, turns = halves(talk)
            agent, _ = await sync_to_async(ingest)(known)
            await sync_to_async(annotated)(agent, known, observations)
            await sync_to_async(analyze)()
            now = max(one.at for one in talk.said).timestamp()
            await chat(agent, turns[:most], now, lines)
    finally:
        await close_hot_pool()
    return finish("prompt_cache", list(promises(lines)), ways=table(lines))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one conversation, 60 turns")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "dev")
    options = parser.parse_args()
    try:
        talks = locomo(options.data)
    except FileNotFoundError as missing:
        print(f"LoCoMo is not there: {missing}. Name its folder with --data.", file=sys.stderr)
        return 2
    with own_vault():
        return asyncio.run(run(talks[:1], SHORT_TURNS) if options.short else run(talks, None))


if __name__ == "__main__":
    sys.exit(main())
