"""A provider's own prices: US dollars for a million tokens, by a model's name or a pattern of names."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ibex.core.errors import FieldCode, FieldError, InvalidRequest

PRICES_MAX = 200
"""Models of one provider that have a price of their own."""
NAME_MAX = 256
"""Characters: SPEC section 2's limit of a model's name."""
PRICE_MAX = Decimal(1_000_000)
"""Dollars for a million tokens."""
PLACES = 6
SIDES = ("prompt", "completion")


def checked(prices: Any) -> dict[str, dict[str, str]]:
    """As they are kept: `{"gpt-4o": {"prompt": "2.5", "completion": "10"}}`. Raises InvalidRequest, which names an
    entry by its number.
    """
    if not isinstance(prices, Mapping):
        raise _refused(FieldCode.INVALID_FORMAT, "An object of models and their prices is expected here.")
    if len(prices) > PRICES_MAX:
        raise _refused(FieldCode.TOO_MANY, f"There are too many: at most {PRICES_MAX}.")
    for number, (name, price) in enumerate(prices.items(), start=1):
        if sentence := problem(name, price):
            raise _refused(FieldCode.INVALID_FORMAT, f"Entry {number}: {sentence}")
    return {name.strip(): {side: _plain(price[side]) for side in SIDES} for name, price in prices.items()}


def problem(name: str, price: Any) -> str:
    """What is wrong with one entry, in a sentence; empty when nothing is."""
    if not name.strip() or len(name) > NAME_MAX or not name.isprintable():
        return f"a model's name has 1 to {NAME_MAX} printable characters."
    if not isinstance(price, Mapping) or set(price) != set(SIDES):
        return "give `prompt` and `completion`, each in US dollars for a million tokens."
    for side in SIDES:
        if not _is_price(price[side]):
            most = f"{PRICE_MAX:,}"
            return f"`{side}` is a number of US dollars such as 2.50, from 0 to {most}, with at most {PLACES} decimals."
    return ""


def _is_price(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return False
    try:
        dollars = Decimal(str(value).strip())
    except InvalidOperation:
        return False
    return dollars.is_finite() and 0 <= dollars <= PRICE_MAX and dollars == round(dollars, PLACES)


def _plain(value: Any) -> str:
    """Without an exponent and without zeros at its end."""
    return f"{Decimal(str(value).strip()).normalize():f}"


def _refused(code: FieldCode, sentence: str) -> InvalidRequest:
    return InvalidRequest(field_errors=[FieldError("prices", code, sentence)])
