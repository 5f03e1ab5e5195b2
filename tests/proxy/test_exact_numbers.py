"""A number is forwarded as it was sent, also in a body that IBEX has written anew, and beyond 64 bits."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.schema import parse_object

EDGES = [-(2**63) - 1, -(2**63), 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**18, 10**19, 10**40, -(10**40)]


@given(st.integers() | st.integers(min_value=-(2**70), max_value=2**70))
@example(0)
def test_a_whole_number_comes_out_as_it_went_in(number: int) -> None:
    body = b'{"a":[%d,{"b":%d}]}' % (number, number)
    assert orjson.dumps(parse_object(body)) == body


@pytest.mark.parametrize("number", EDGES)
def test_the_edges_of_64_bits(number: int) -> None:
    body = b'{"a":%d}' % number
    assert orjson.dumps(parse_object(body)) == body


@pytest.mark.parametrize(
    "text", ['"12345678901234567890"', '"\u00e9 99999999999999999999 \\u00e9"', "0.1234567890123456789", "1e20", "true"]
)
def test_long_digits_that_are_no_whole_number_change_nothing(text: str) -> None:
    body = f'{{"a":{text},"b":123456789012345678901}}'.encode()
    assert parse_object(body)["a"] == orjson.loads(body)["a"]


def test_of_two_fields_of_one_name_the_last_counts_either_way() -> None:
    assert parse_object(b'{"a":1,"a":2}')["a"] == 2
    assert parse_object(b'{"a":1,"a":2,"b":123456789012345678901}')["a"] == 2
