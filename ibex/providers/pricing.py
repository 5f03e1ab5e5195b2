"""What a call costs: an estimate for the dashboard and for monthly budgets, never an invoice.

The list prices are those of well-known models, in US dollars for a million tokens: the standard tier, the price of a
short prompt where long ones cost more, no discount for cached prompts. They are those of the public data set
pydantic/genai-prices (MIT) on PRICES_AS_OF. Providers change them: a provider's own row says where they differ.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from ibex.providers.base import NO_PRICES, Price, Prices, Usage
from ibex.providers.patterns import ANY, is_pattern, matches

PRICES_AS_OF = dt.date(2026, 8, 21)
FREE: Prices = MappingProxyType({ANY: Price(Decimal(0), Decimal(0))})

MODELS_KNOWN = 1_000
"""Whose list price is not looked up again with each call."""

_MILLION = Decimal(1_000_000)
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")

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


def cost(model: str, usage: Usage, prices: Prices = NO_PRICES, *, asked: str = "") -> Decimal | None:
    """US dollars of one call, exact, or None for a model whose price is not known.

    `model` is what the provider calls it, `asked` what the caller did. `prices` are the provider's own: they go before
    the list, and are found under either name.
    """
    price = _own_price(tuple(filter(None, (asked, model))), prices) or _list_price(model)
    if price is None:
        return None
    return (price.prompt * usage.prompt_tokens + price.completion * usage.completion_tokens) / _MILLION


def _own_price(names: tuple[str, ...], prices: Prices) -> Price | None:
    """An exact name first, in any of its forms; of several patterns the one that says most."""
    if not prices:
        return None
    for form in (form for name in names for form in _forms(name)):
        if form in prices:
            return prices[form]
    for name in names:
        fitting = [pattern for pattern in prices if is_pattern(pattern) and matches(name, pattern)]
        if fitting:
            return prices[max(fitting, key=lambda pattern: (len(pattern), pattern))]
    return None


@lru_cache(maxsize=MODELS_KNOWN)
def _list_price(model: str) -> Price | None:
    """A name that only begins like a known one has no price."""
    return next((PRICES[form] for form in _forms(model) if form in PRICES), None)


def _forms(name: str) -> tuple[str, str, str]:
    """The name as it is, then without a vendor (`openai/gpt-4o`), then without its date (`gpt-4o-2024-08-06`)."""
    bare = name.rpartition("/")[2]
    return name, bare, _DATED.sub("", bare)


__all__ = ["FREE", "NO_PRICES", "PRICES", "PRICES_AS_OF", "Price", "Prices", "cost"]
