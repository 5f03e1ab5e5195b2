from __future__ import annotations

import pytest

from ibex.core.unseen import visible


@pytest.mark.parametrize(
    "text",
    [
        "Plain words,\nin two lines\tand a tab.",
        # In emoji and in Persian, joiners belong
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u2764\ufe0f caf\u00e9 \u65e5\u672c\u8a9e",
    ],
)
def test_what_a_person_reads_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\u200b", "\u200d", "\u202e", "\u2060", "\ufeff", "\U000e0041"])
def test_what_parts_digits_without_being_seen_goes(hidden: str) -> None:
    assert visible(f"4111{hidden}1111") == "41111111"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028"])
def test_every_end_of_a_line_is_a_plain_one(end: str) -> None:
    assert visible(f"one{end}two") == "one\ntwo"
