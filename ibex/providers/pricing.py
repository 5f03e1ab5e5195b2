"""What a call costs: list prices of well-known models, for an estimate on the dashboard, never for an invoice.

Prices are US dollars for a million tokens: the standard tier, the price of a short prompt where long ones cost more, no
discount for cached prompts. They are those of the public data set pydantic/genai-prices (MIT) on PRICES_AS_OF.
Providers change them: give `cost` your own where they differ.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from ibex.providers.base import Usage

PRICES_AS_OF = dt.date(2026, 8, 21)

_MILLION = Decimal(1_000_000)
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of the prompt, and of the completion."""

    prompt: Decimal
    completion: Decimal


NO_PRICES: Mapping[str, Price] = MappingProxyType({})

PRICES: Mapping[str, Price] = MappingProxyType(
    {
        model: Price(Decimal(prompt), Decimal(completion))
        for model, prompt, completion in (
            ("ibex-sandbox", "0", "0"),
            # OpenAI
            ("gpt-3.5-turbo", "0.50", "1.50"),
            ("gpt-4", "30", "60"),
            ("gpt-4-turbo", "10", "30"),
            ("gpt-4o", "2.50", "10"),
            ("gpt-4o-mini", "0.15", "0.60"),
            ("gpt-4.1", "2", "8"),
            ("gpt-4.1-mini", "0.40", "1.60"),
            ("gpt-4.1-nano", "0.10", "0.40"),
            ("gpt-5", "1.25", "10"),
            ("gpt-5-mini", "0.25", "2"),
            ("gpt-5-nano", "0.05", "0.40"),
            ("gpt-5-pro", "15", "120"),
            ("gpt-5.1", "1.25", "10"),
            ("gpt-5.2", "1.75", "14"),
            ("gpt-5.4", "2.50", "15"),
            ("gpt-5.4-mini", "0.75", "4.50"),
            ("gpt-5.4-nano", "0.20", "1.25"),
            ("gpt-5.5", "5", "30"),
            ("o1", "15", "60"),
            ("o3", "2", "8"),
            ("o3-mini", "1.10", "4.40"),
            ("o4-mini", "1.10", "4.40"),
            ("text-embedding-3-small", "0.02", "0"),
            ("text-embedding-3-large", "0.13", "0"),
            ("text-embedding-ada-002", "0.10", "0"),
            # Anthropic
            ("claude-3-haiku", "0.25", "1.25"),
            ("claude-3-5-haiku", "0.80", "4"),
            ("claude-3-5-sonnet", "3", "15"),
            ("claude-3-7-sonnet", "3", "15"),
            ("claude-haiku-4-5", "1", "5"),
            ("claude-sonnet-4", "3", "15"),
            ("claude-sonnet-4-5", "3", "15"),
            ("claude-sonnet-4-6", "3", "15"),
            ("claude-opus-4", "15", "75"),
            ("claude-opus-4-1", "15", "75"),
            ("claude-opus-4-5", "5", "25"),
            ("claude-opus-4-6", "5", "25"),
            # Google
            ("gemini-2.5-flash", "0.30", "2.50"),
            ("gemini-2.5-flash-lite", "0.10", "0.40"),
            ("gemini-2.5-pro", "1.25", "10"),
            ("gemini-3-flash-preview", "0.50", "3"),
            ("gemini-3.1-flash-lite", "0.25", "1.50"),
            ("gemini-3.1-pro-preview", "2", "12"),
        )
    }
)


def cost(model: str, usage: Usage, prices: Mapping[str, Price] = NO_PRICES) -> Decimal | None:
    """US dollars of one call, exact, or None for a model whose price is not known.

    `prices` goes before the table. A name is looked up as it is, then without a vendor (`openai/gpt-4o`), then without
    its date (`gpt-4o-2024-08-06`). A name that only begins like a known one has no price.
    """
    bare = model.rpartition("/")[2]
    for name in (model, bare, _DATED.sub("", bare)):
        price = prices.get(name) or PRICES.get(name)
        if price is not None:
            return (price.prompt * usage.prompt_tokens + price.completion * usage.completion_tokens) / _MILLION
    return None
