from __future__ import annotations

import pytest

from memories.extraction.sentences import MASK, mask_foreign, split_clauses, split_sentences


def texts(message: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(message)]


def clauses(message: str) -> list[str]:
    return [part.text for sentence in split_sentences(message) for part in split_clauses(sentence)]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("I live in Rome. I work at Acme!", ["I live in Rome.", "I work at Acme!"]),
        ("i live in rome. i like it", ["i live in rome.", "i like it"]),
        ("Dr. Smith said e.g. tea helps.", ["Dr. Smith said e.g. tea helps."]),
        ("It costs 3.50 at Acme Inc. and more elsewhere.", ["It costs 3.50 at Acme Inc. and more elsewhere."]),
        ("I live in\nthe old town.", ["I live in\nthe old town."]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_a_message_is_split_where_its_sentences_end(message: str, expected: list[str]) -> None:
    assert texts(message) == expected


def test_every_sentence_is_found_at_its_place_in_the_message_as_sent() -> None:
    message = "Hi! I\u2019m Kim…  I \u201clike\u201d tea.\n- and cake\n- and pie"

    for sentence in split_sentences(message):
        assert len(message[sentence.start : sentence.end]) == len(sentence.text)
    assert [message[s.start : s.end] for s in split_sentences(message)][1] == "I\u2019m Kim…"


def test_items_of_a_list_come_one_by_one_and_know_its_header() -> None:
    found = split_sentences("My rules:\n- use tabs\n2. no emojis\nThat is all.")

    assert [(s.text, s.lead) for s in found] == [
        ("My rules:", ""),
        ("use tabs", "My rules"),
        ("no emojis", "My rules"),
        ("That is all.", ""),
    ]


@pytest.mark.parametrize(
    "foreign",
    [
        "```python\nI = 1\n```",
        "```\nI never closed this block",
        "<document>I love cats.</document>",
        "> I love cats.",
        "Summarize this email:\nI love cats.",
        "Please translate into French: I love cats.",
        "Here is the letter from my boss:\nI love cats.",
        "From: Ann\nSubject: Cats\nI love cats.",
        "Traceback (most recent call last):",
        "ERROR I love cats",
        "2024-01-01 10:00:00 I love cats",
    ],
)
def test_what_is_not_the_users_own_statement_is_masked_at_equal_length(foreign: str) -> None:
    masked = mask_foreign(foreign)

    assert len(masked) == len(foreign)
    assert "I love cats" not in masked
    assert "I =" not in masked
    assert MASK in masked


def test_a_long_or_first_person_quotation_is_masked_and_a_title_is_not() -> None:
    assert "hate" not in mask_foreign('My boss said "I hate Mondays".')
    assert "Moby-Dick" in mask_foreign('My favourite book is "Moby-Dick".')


def test_what_follows_a_document_of_its_own_block_is_the_users_again() -> None:
    assert texts("```\ncode\n```\nI use Python.")[-1] == "I use Python."


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "My dog is called Biscuit and I work at Acme.",
            ["My dog is called Biscuit", "I work at Acme."],
        ),
        ("I like tea; my wife likes coffee.", ["I like tea", "my wife likes coffee."]),
        ("My sister lives in Rome and she teaches.", ["My sister lives in Rome", "she teaches."]),
        ("My wife and I live in Rome.", ["My wife and I live in Rome."]),
        ("I like tea and coffee.", ["I like tea and coffee."]),
        ("I love my work and my family life.", ["I love my work and my family life."]),
        ("I don't like basil, but my husband loves it.", ["I don't like basil, but my husband loves it."]),
        ("I\u2019m Kim and I\u2019m from Norway.", ["I'm Kim", "I'm from Norway."]),
    ],
)
def test_a_sentence_is_split_only_where_both_halves_stand_alone(message: str, expected: list[str]) -> None:
    assert clauses(message) == expected
