"""What a finished call used: its tokens, what they cost, and the counters of the limits that both belong to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agents.limits import MONTH_KEPT_S, WINDOW_S, Measure, in_billionths
from context.counting import estimate_request
from ibex.core.tokens import estimate
from ibex.providers.base import NO_PRICES, Usage
from ibex.providers.pricing import cost
from ibex.providers.sse import ChatOutcome
from ibex.providers.untrusted import is_count
from proxy.turn import Turn

SEARCHED_BYTES = 1_024
"""At either end of an answer of embeddings, which may be 60 MiB of numbers."""

_NANO = Decimal("0.000000001")
_PROMPT_TOKENS = re.compile(rb'"prompt_tokens"\s*:\s*(\d{1,10})\b')


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What one call used."""

    columns: Mapping[str, Any]
    """Of its trace: prompt_tokens, completion_tokens, and cost in US dollars, None where the price is not known."""
    counters: Mapping[str, tuple[int, int]]
    """By Redis key: how much is added, and the seconds that the counter is kept."""


NOTHING = Spending(columns={}, counters={})


def spending_of(turn: Turn, usage: Usage, model: str = "") -> Spending:
    """Of a call that a provider answered; `model` is what the provider calls it."""
    prices = turn.upstream.prices if turn.upstream else NO_PRICES
    price = cost(model or turn.model, usage, prices, asked=turn.model)
    dollars = None if price is None else price.quantize(_NANO)
    columns = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost": None if dollars is None else str(dollars),
    }
    return Spending(columns=columns, counters=dict(_counters(turn, usage, dollars)))


def usage_of(turn: Turn, outcome: ChatOutcome) -> Usage:
    """As the provider counted, else estimated: what the caller sent, what was added to it, and the answer.

    Most streams bring no count, and a tokenizer would take 70 MB of every process for them.
    """
    if outcome.usage is not None:
        return outcome.usage
    sent = estimate_request(turn.payload)
    added = turn.assembly.context_tokens if turn.assembly else 0
    calls = [text for call in outcome.tool_calls for text in call["function"].values()]
    return Usage(prompt_tokens=sent + added, completion_tokens=sum(map(estimate, [outcome.text, *calls])))


def usage_of_embeddings(turn: Turn, body: bytes) -> Usage:
    """As the provider counted, else estimated from the input."""
    found = _PROMPT_TOKENS.search(body[-SEARCHED_BYTES:]) or _PROMPT_TOKENS.search(body[:SEARCHED_BYTES])
    tokens = int(found[1]) if found else None
    if not is_count(tokens):
        texts, tokens = _inputs(turn.payload.get("input"))
        tokens += sum(map(estimate, texts))
    return Usage(prompt_tokens=tokens, completion_tokens=0)


def _counters(turn: Turn, usage: Usage, dollars: Decimal | None) -> Iterator[tuple[str, tuple[int, int]]]:
    """A minute's tokens count when they are known; a month's belong to the month in which the call began."""
    if turn.start is None:
        return
    now = time.time()
    for limit in turn.start.usage.limits:
        match limit.measure:
            case Measure.TOKENS:
                yield limit.keys(now)[0], (usage.tokens, 2 * WINDOW_S)
            case Measure.MONTHLY_TOKENS:
                yield limit.keys(turn.began_at)[0], (usage.tokens, MONTH_KEPT_S)
            case Measure.MONTHLY_COST if dollars is not None:
                yield limit.keys(turn.began_at)[0], (in_billionths(dollars), MONTH_KEPT_S)


def _inputs(given: Any) -> tuple[list[str], int]:
    """What is to be embedded: its texts, and how many tokens it brings as numbers."""
    if isinstance(given, str):
        return [given], 0
    parts = given if isinstance(given, list) else []
    texts = [part for part in parts if isinstance(part, str)]
    numbers = sum(len(part) if isinstance(part, list) else isinstance(part, int) for part in parts)
    return texts, numbers
