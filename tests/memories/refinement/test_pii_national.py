"""Identity numbers of countries that name them in words of their own."""

from __future__ import annotations

import pytest

from memories.refinement.pii import redact

NAMED = [
    ("PPS number 1234567T, NIF 123456789", "PPS number [NATIONAL_ID], NIF [NATIONAL_ID]"),
    ("ID card 11010519491231002X", "ID card [NATIONAL_ID]"),
    ("Emirates ID 784-1980-1234567-1", "Emirates ID [NATIONAL_ID]"),
    ("rodné číslo 780123/3540", "rodné číslo [NATIONAL_ID]"),
    ("Sozialversicherungsnummer 12 190367 K 006", "Sozialversicherungsnummer [NATIONAL_ID]"),
    ("her fødselsnummer is 01010750160", "her fødselsnummer is [NATIONAL_ID]"),
    ("TC kimlik no 10000000146", "TC kimlik no [NATIONAL_ID]"),
    ("OIB 12345678903; EGN 7523169263", "OIB [NATIONAL_ID]; EGN [NATIONAL_ID]"),
    ("South African ID 8001015009087", "South African ID [NATIONAL_ID]"),
]


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_an_identity_number_is_replaced_beside_the_word_for_it(text: str, expected: str) -> None:
    assert redact(text).text == expected
