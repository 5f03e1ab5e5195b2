from __future__ import annotations

from decimal import Decimal

import pytest

from agents.services.prices import PRICES_MAX, checked
from ibex.core.errors import InvalidRequest

GOOD = {"prompt": "2.50", "completion": "10"}


def refusal(prices: object) -> tuple[str, str, str]:
    with pytest.raises(InvalidRequest) as refused:
        checked(prices)
    [error] = refused.value.field_errors
    return error.field, str(error.code), error.message


def test_prices_are_kept_as_plain_numbers():
    given = {" gpt-4o* ": GOOD, "free": {"prompt": 0, "completion": 0.0}, "odd": {"prompt": 1e-6, "completion": 100}}
    assert checked(given) == {
        "gpt-4o*": {"prompt": "2.5", "completion": "10"},
        "free": {"prompt": "0", "completion": "0"},
        "odd": {"prompt": "0.000001", "completion": "100"},
    }
    assert checked({}) == {}
    assert checked({"m": {"prompt": Decimal(1), "completion": "1E+2"}})["m"]["completion"] == "100"


@pytest.mark.parametrize(
    "price",
    [
        None,
        3,
        [],
        {},
        {"prompt": "1"},
        GOOD | {"cached": "1"},
        GOOD | {"prompt": "-1"},
        GOOD | {"prompt": "1,5"},
        GOOD | {"prompt": ""},
        GOOD | {"prompt": True},
        GOOD | {"prompt": None},
        GOOD | {"prompt": "NaN"},
        GOOD | {"prompt": "Infinity"},
        GOOD | {"completion": "0.0000001"},
        GOOD | {"completion": 1_000_001},
        GOOD | {"completion": "1e999999"},
    ],
)
def test_what_is_no_price_is_named_by_its_entry_and_not_repeated(price):
    field, code, sentence = refusal({"fine": GOOD, "SECRET-NAME": price})
    assert (field, code) == ("prices", "INVALID_FORMAT")
    assert sentence.startswith("Entry 2: ")
    assert "SECRET-NAME" not in sentence


@pytest.mark.parametrize("name", ["", "  ", "x" * 257, "a\0b", "a\nb"])
def test_what_is_no_name_is_named_by_its_entry(name):
    assert refusal({name: GOOD})[2].startswith("Entry 1: a model's name")


@pytest.mark.parametrize("prices", [None, [], "gpt-4o 1 2", 7])
def test_what_is_no_object_is_refused(prices):
    assert refusal(prices)[1] == "INVALID_FORMAT"


def test_there_are_not_too_many():
    most = {f"m{number}": GOOD for number in range(PRICES_MAX)}
    assert len(checked(most)) == PRICES_MAX
    assert refusal(most | {"one more": GOOD})[1] == "TOO_MANY"
