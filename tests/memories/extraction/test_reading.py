"""A turn is read once while it stays among the earlier ones; what depends on more than it is looked at each time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memories.extraction import LocalExtractor, Turn, reading
from memories.extraction.drafts import Draft
from tests.memories.extraction.conftest import contents, turn


@pytest.fixture
def turns_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The user's words of each turn that was really read."""
    seen: list[str] = []
    said_in = reading.said_in

    def noted(one: Turn) -> Iterator[Draft]:
        seen.append(one.user_text)
        return said_in(one)

    monkeypatch.setattr(reading, "said_in", noted)
    reading._of_itself.cache_clear()
    yield seen
    reading._of_itself.cache_clear()


def test_earlier_turns_are_not_read_again_for_each_next_one(extractor: LocalExtractor, turns_read: list[str]) -> None:
    turns = [turn(f"I have been to Rome {number} times.", number=number) for number in range(2, 9)]

    for place in range(len(turns)):
        extractor.extract([turns[place]], before=turns[:place])

    assert turns_read == [one.user_text for one in turns]


def test_a_turn_too_long_to_keep_is_read_each_time(extractor: LocalExtractor, turns_read: list[str]) -> None:
    long = turn("I live in Rome. " + "Hm. " * (reading.LONGEST_KEPT // 4))

    assert contents(extractor.extract([long])) == contents(extractor.extract([long])) == ["The user lives in Rome."]
    assert len(turns_read) == 2


def test_a_deed_is_an_echo_only_where_its_memory_was_injected(extractor: LocalExtractor) -> None:
    answered, memory = (
        turn("And?", "I have booked a table for two at Luigi's."),
        "The assistant booked a table for two at Luigi's.",
    )

    learned = [len(extractor.extract([answered], injected=injected)) for injected in ([], [memory], [])]

    assert learned == [1, 0, 1]
