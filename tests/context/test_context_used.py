"""Which memories an answer used, as far as its words tell."""

from __future__ import annotations

import pytest

from context.used import LONG_WORDS, READ_CHARACTERS, uses
from ibex.providers.sandbox_recall import reply_to

DOG = "The user's dog is called Rex."
NURSE = "The user works as a nurse in Leeds."


def used(memories: list[str], answer: str, said: str = "") -> list[bool | None]:
    return [use.is_used if use else None for use in uses(memories, answer, said)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Your dog is called Rex.", [True, False]),
        ("As a nurse in Leeds you may know Rex, your dog.", [True, True]),
        ("I do not know that.", [False, False]),
        ("", [False, False]),
    ],
)
def test_an_answer_used_what_it_has_words_of(answer: str, expected: list[bool]) -> None:
    assert used([DOG, NURSE], answer) == expected


def test_what_was_said_in_the_conversation_is_not_taken_from_a_memory() -> None:
    assert used([DOG], "I am sorry that your dog Rex is ill.", said="My dog Rex is ill.") == [None]
    assert used(["The user's vet is Dr Lind."], "Call your vet.", said="Whom do I call?\nMy vet?") == [False]


def test_a_word_of_several_memories_speaks_for_none_alone() -> None:
    flats = ["The user's flat in Graz has a balcony.", "The user's flat in Graz costs 900 euros."]
    assert used(flats, "It costs 900 euros.") == [False, True]


def test_a_number_is_enough_where_a_common_word_is_not() -> None:
    memory = "The user's monthly train ticket costs 49 euros and is valid in all zones."
    assert used([memory], "49.") == [True]
    assert used([memory], "There are many kinds of trains, from trams to night lines that cross whole countries.") == [
        False
    ]


def test_a_long_answer_has_words_by_chance_and_must_have_more_of_them() -> None:
    memory = "The user bakes rye bread with caraway on Sundays."
    short = "Bake rye bread."
    filler = " ".join(f"word{number}" for number in range(2 * LONG_WORDS))
    assert used([memory], short) == [True]
    assert used([memory], f"Rye grows well. {filler} bread") == [False]


def test_only_so_much_of_an_answer_is_read() -> None:
    assert used([DOG], "x " * READ_CHARACTERS + "dog Rex") == [False]


def test_the_sandbox_uses_the_memory_that_it_answers_with() -> None:
    block = f"<memories-1>\n<memory>{DOG}</memory>\n<memory>{NURSE}</memory>\n</memories-1>"
    question = "What is my dog called?"
    answer = reply_to([{"role": "system", "content": block}, {"role": "user", "content": question}])
    assert used([DOG, NURSE], answer, said=question) == [True, False]
