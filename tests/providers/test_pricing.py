from __future__ import annotations

from decimal import Decimal

import pytest

from ibex.providers.base import Usage
from ibex.providers.pricing import PRICES, Price, cost

USAGE = Usage(prompt_tokens=1_000_000, completion_tokens=500_000)


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("gpt-4o-mini", "0.45"),
        ("gpt-4o-mini-2024-07-18", "0.45"),
        ("openai/gpt-4o-mini", "0.45"),
        ("claude-haiku-4-5-20251001", "3.5"),
        ("claude-3-5-haiku-latest", "2.8"),
        ("text-embedding-3-small", "0.02"),
        ("ibex-sandbox", "0"),
    ],
)
def test_a_known_model_costs_its_list_price_under_any_of_its_names(model, dollars):
    assert cost(model, USAGE) == Decimal(dollars)


@pytest.mark.parametrize("model", ["", "my-own-model", "gpt-4o-audio-preview", "gpt-4o-mini-tts"])
def test_an_unknown_model_has_no_price_even_when_it_begins_like_a_known_one(model):
    assert cost(model, USAGE) is None


def test_a_deployments_own_price_goes_before_the_list():
    assert cost("gpt-4o-mini", USAGE, {"gpt-4o-mini": Price(Decimal(1), Decimal(2))}) == 2
    assert cost("my-own-model", USAGE, {"my-own-model": Price(Decimal(0), Decimal(2))}) == 1


def test_small_calls_cost_exactly_what_they_cost():
    assert cost("gpt-5-nano", Usage(prompt_tokens=1, completion_tokens=0)) == Decimal("0.00000005")


def test_no_price_is_negative():
    assert all(price.prompt >= 0 and price.completion >= 0 for price in PRICES.values())
