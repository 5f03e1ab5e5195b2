"""What people type to a chat, a help desk or a colleague: what is learned can be read alone, and nothing made up is."""

from __future__ import annotations

import pytest

from tests.memories.extraction.conftest import Learn, contents


@pytest.mark.parametrize(
    "said",
    [
        "If I had a million dollars I'd buy a house in Tuscany.",
        "I'd buy a boat if I won the lottery.",
        "Imagine I'm a pirate and my ship is called the Black Swan. My crew hates rum. Write our story.",
        "Let's say my revenue is 10k a month and I grow 5% monthly. What would it be in a year?",
        "Ok, suppose I'm a landlord and my tenant is late with the rent.",
        "What if I was a vegan and my wife was a butcher?",
    ],
)
def test_what_is_only_made_up_is_not_learned(learn: Learn, said: str) -> None:
    assert contents(learn(said)) == []


def test_what_is_said_after_an_assumption_is_meant_again(learn: Learn) -> None:
    assert contents(learn("Let's say I buy 3.5 kg of flour. I live in Leeds.")) == ["The user lives in Leeds."]
    assert contents(learn("Pretend I'm a knight.\nI live in Leeds.")) == ["The user lives in Leeds."]


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        ("Sorry, I misspoke: we moved to Ghent in 2019, not 2018.", ["The user moved to Ghent in 2019, not 2018."]),
        ("no no, not my brother — my cousin is a plumber", ["The user's cousin is a plumber."]),
        ("I changed my mind, I prefer the window seat.", ["The user prefers the window seat."]),
        ("No, I meant the blue one, not the green one. My size is 42, not 40.", ["The user's size is 42, not 40."]),
        ("quick q: my car is a 2016 Honda Civic, is it worth 3,000?", ["The user's car is a 2016 Honda Civic."]),
        ("I hate to bother you, but my invoice is wrong.", ["The user's invoice is wrong."]),
        ("I can't stand needles though lol", ["The user can't stand needles."]),
    ],
)
def test_a_correction_is_learned_without_the_words_around_it(learn: Learn, said: str, learned: list[str]) -> None:
    assert contents(learn(said)) == learned


@pytest.mark.parametrize(
    "said",
    [
        "I have no idea what to wear lol",
        "I have, actually.",
        "I hadn't considered that angle.",
        "I'm bored.",
        "I already reinstalled it twice.",
        "I've lived there since 2015.",
        "I like how you explained that, can you do the same for recursion?",
        "These are my options:",
    ],
)
def test_what_nobody_could_read_alone_is_left_out(learn: Learn, said: str) -> None:
    assert contents(learn(said)) == []


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        (
            "Hey! I'm Priya, I live in Pune with my husband Arjun and our two kids.",
            ["The user is Priya.", "The user lives in Pune with their husband Arjun and their two kids."],
        ),
        (
            "I'm vegetarian, my wife eats fish, and our daughter is allergic to nuts.",
            ["The user is vegetarian.", "The user's wife eats fish.", "The user's daughter is allergic to nuts."],
        ),
        ("I used to smoke but I quit three years ago.", ["The user used to smoke but the user quit in 2020."]),
        (
            "I'm allergic to cats but my girlfriend has two, so I take pills.",
            ["The user is allergic to cats but their girlfriend has two, so the user takes pills."],
        ),
        ("When I was young, I lived in Rome.", ["When the user was young, the user lived in Rome."]),
        ("With two kids at home, I work in the evenings.", ["With two kids at home, the user works in the evenings."]),
        (
            "We got engaged on Saturday, the wedding is in Crete.",
            ["The user and their partner got engaged on 6 May 2023, the wedding is in Crete."],
        ),
        ("We visited Rome in March and I loved it.", ["The user visited Rome in March 2023 and the user loved it."]),
        ("Grandma passed away on Sunday.", ["The user's grandma passed away on 7 May 2023."]),
        ("It's my birthday next Tuesday!", ["The user's birthday is on 16 May 2023."]),
        (
            "I bought these boots and a belt on your website.",
            ["The user bought these boots and a belt on the company's website."],
        ),
        ("Between you and me, I want to quit my job.", ["The user wants to quit their job."]),
        ("As I said yesterday, my budget is 800 euros.", ["The user's budget is 800 euros."]),
        ("We are four, two of us are vegan.", ["The user and others are four, two of them are vegan."]),
        ("My name's Bartholomew.", ["The user's name is Bartholomew."]),
    ],
)
def test_each_fact_of_a_sentence_is_told_of_whom_it_is_about(learn: Learn, said: str, learned: list[str]) -> None:
    assert contents(learn(said)) == learned


def test_items_of_a_list_are_learned_under_its_header_and_the_header_is_not(learn: Learn) -> None:
    assert contents(learn("These are my goals for 2025:\n- run a marathon\n- learn Italian")) == [
        "The user's goals for 2025: run a marathon.",
        "The user's goals for 2025: learn Italian.",
    ]
    assert contents(learn("My favourite authors are:\n1. Le Guin\n2. Calvino")) == [
        "The user's favourite authors are: Le Guin, Calvino."
    ]


def test_what_is_true_of_somebody_else_is_no_attribute_of_the_user(learn: Learn) -> None:
    (own,), (daughters,) = learn("I'm allergic to peanuts."), learn("My daughter is allergic to nuts.")
    (couple,) = learn("My partner and I are trying for a baby.")

    assert own.attribute == "allergy"
    assert daughters.attribute == "daughter"
    assert couple.attribute == ""
