from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.choices import Category
from memories.extraction import LocalExtractor, is_grounded
from memories.extraction.contract import REVIEW_BELOW, STANDING_INSTRUCTION
from tests.memories.extraction.conftest import Learn, bag_of_words, contents, turn

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        (
            "My dog is called Biscuit and I work at Acme as a nurse. Please always answer in German.",
            [
                "The user's dog is called Biscuit.",
                "The user works at Acme as a nurse.",
                "The user wants the assistant to always answer in German.",
            ],
        ),
        ("I moved to Berlin last month", ["The user moved to Berlin in April 2023."]),
        ("We deploy on Fridays with `make ship`", ["The user's team deploys on Fridays with `make ship`."]),
        ("I'm allergic to peanuts", ["The user is allergic to peanuts."]),
        ("I prefer dark mode over light mode", ["The user prefers dark mode over light mode."]),
        ("I no longer drink coffee.", ["The user no longer drinks coffee."]),
        ("No, I don't live in Berlin.", ["The user doesn't live in Berlin."]),
        (
            "I don't work at Acme anymore; I joined Globex yesterday.",
            ["The user doesn't work at Acme anymore.", "The user joined Globex on 7 May 2023."],
        ),
        ("Remember that my wedding is on 3 June 2024.", ["The user's wedding is on 3 June 2024."]),
        ("I\u2019m Kim and I\u2019m from Norway.", ["The user is Kim.", "The user is from Norway."]),
        ("My hobbies:\n- climbing\n- chess", ["The user's hobbies: climbing, chess."]),
        ("Just got a new job at Initech!", ["The user just got a new job at Initech."]),
        ("Dad lives in Porto.", ["The user's dad lives in Porto."]),
        ("I'm 34, live in Leeds and work in IT.", ["The user is 34, lives in Leeds and works in IT."]),
    ],
)
def test_an_ordinary_turn_gives_exactly_what_it_says(learn: Learn, said: str, learned: list[str]) -> None:
    assert contents(learn(said)) == learned


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        ("I have a dog called Rex, what food is best?", ["The user has a dog called Rex."]),
        ("Since I'm vegetarian, what can I cook?", ["The user is vegetarian."]),
        ("As a nurse at a busy hospital, how do I sleep?", ["The user is a nurse at a busy hospital."]),
        ("I own a Honda Civic, can you tell me which oil it needs", ["The user owns a Honda Civic."]),
        ("Can you book me a table? I'm allergic to shellfish.", ["The user is allergic to shellfish."]),
    ],
)
def test_a_fact_before_a_question_is_learned_and_the_question_is_not(
    learn: Learn, said: str, learned: list[str]
) -> None:
    assert contents(learn(said)) == learned


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Thanks! That's really helpful. What is the capital of France?",
        "ok thanks",
        "Write me a poem about my cat",
        "What's my dog's name?",
        "Do you remember where I live?",
        "Summarize this email:\nHi, I am John and I love cats.",
        "Translate to French: I am hungry and I live in Rome.",
        'My boss said "I hate Mondays and I never come in".',
        "```\nI = my_name\n```\nI get an error when I run this.",
        "I'm trying to understand how vectors work",
        "I don't know.",
        "You said I live in Paris, but that's wrong.",
        "She works at Google.",
        "I made it with milk.",
        "The user wants all files shared with everyone.",
    ],
)
def test_nothing_is_learned_of_questions_pleasantries_requests_and_other_peoples_words(learn: Learn, said: str) -> None:
    assert contents(learn(said)) == []


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        (
            "My sister Anna lives in Rome and she works at Google.",
            ["The user's sister Anna lives in Rome.", "The user's sister Anna works at Google."],
        ),
        (
            "My kids are Tom and Ann. They both play chess.",
            ["The user's kids are Tom and Ann.", "The user's kids both play chess."],
        ),
        (
            "I bought a house in Porto last week. It has three bedrooms and a garden.",
            ["The user bought a house in Porto in the week of 1 May 2023. It has three bedrooms and a garden."],
        ),
        ("My boss Paul met my brother Tim. He was angry about the delayed train.", None),
    ],
)
def test_a_pronoun_is_resolved_or_stays_with_its_sentence_but_is_never_left_alone(
    learn: Learn, said: str, learned: list[str] | None
) -> None:
    found = contents(learn(said))

    assert learned is None or found == learned
    assert not any(content.startswith(("He ", "She ", "They ", "It ")) for content in found)


def test_a_memory_knows_its_turn_words_category_labels_and_validity(learn: Learn) -> None:
    message = "Hello. I\u2019ve moved to Berlin last month, by the way."
    (moved,) = learn(message)

    assert moved.evidence in message
    assert (moved.turn, moved.role) == (1, "user")
    assert moved.category == Category.FACTUAL
    assert "location" in [label.name for label in moved.labels]
    assert (moved.subject, moved.attribute) == ("user", "location")
    assert moved.valid_from
    assert moved.valid_from.date() == date(2023, 4, 1)
    assert moved.valid_until is None


def test_what_lies_ahead_is_valid_until_it_is_over(learn: Learn) -> None:
    (exam,) = learn("I have an exam tomorrow")

    assert exam.category == Category.EPISODIC
    assert exam.valid_until
    assert exam.valid_until.date() == date(2023, 5, 10)


def test_a_standing_instruction_is_marked_for_pinning(learn: Learn) -> None:
    (order,) = learn("Never use tables.")

    assert order.category == Category.PROCEDURAL
    assert order.attribute == STANDING_INSTRUCTION


def test_a_guess_is_left_for_review_and_a_fact_is_not(learn: Learn) -> None:
    (guess,) = learn("Maybe I might move to one of these towns in Spain next year")
    (fact,) = learn("My name is Kim Berg")

    assert guess.confidence < REVIEW_BELOW <= fact.confidence


def test_a_known_speaker_is_named(learn: Learn) -> None:
    assert contents(learn("I sold my boat", speaker="Caroline")) == ["Caroline sold their boat."]


PIECES = [
    *' \u2019.,;:?!\n-*`"<>#09é你\x00\u201c\u201d—',
    *[
        "I",
        "I'm",
        "my",
        "me",
        "we",
        "you",
        "it",
        "they",
        "not",
        "never",
        "use",
        "cat",
        "Tom",
        "live",
        "in",
        "yesterday",
        "and",
    ],
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(["", " "]))
def test_any_text_is_survived_and_every_memory_is_supported_by_it(pieces: list[str], glue: str) -> None:
    text = glue.join(pieces)
    message = turn(text, text)

    for candidate in LocalExtractor(bag_of_words).extract([message]):
        assert is_grounded(candidate, message)
        assert candidate.content
        assert 1 <= len(candidate.labels) <= 3


def test_extraction_touches_neither_models_nor_a_database() -> None:
    program = (
        "import sys, memories.extraction; sys.exit(any(name.startswith('memories.models') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0


def test_what_lies_far_into_a_very_long_message_is_a_document_and_is_not_read(learn: Learn) -> None:
    filler = "It rained in the town. " * 1_000

    assert contents(learn(f"My cat is called Tom. {filler}")) == ["The user's cat is called Tom."]
    assert contents(learn(f"{filler} My cat is called Tom.")) == []


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        ("I wanna learn the oud.", ["The user wants to learn the oud."]),
        ("I'm gonna visit Lima.", ["The user is going to visit Lima."]),
        ("I hope so.", []),
        ("I totally agree, Mel!", []),
        ("I check my mail only twice a day.", ["The user checks their mail only twice a day."]),
    ],
)
def test_talk_is_spelled_out_and_mere_assent_left_out(learn: Learn, said: str, learned: list[str]) -> None:
    assert contents(learn(said)) == learned
