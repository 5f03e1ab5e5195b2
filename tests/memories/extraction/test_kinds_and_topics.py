from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from memories.choices import Category
from memories.extraction.attributes import subject_and_attribute
from memories.extraction.categories import category_of, labels_of
from memories.extraction.contract import MAX_LABELS
from memories.extraction.kinds import ABOUT_OTHERS, REMARK, STATEMENT, kind_of
from tests.memories.extraction.conftest import bag_of_words


@pytest.mark.parametrize(
    ("clause", "category"),
    [
        ("I work at Acme as a nurse", Category.FACTUAL),
        ("My dog is called Biscuit", Category.FACTUAL),
        ("I'm allergic to peanuts", Category.FACTUAL),
        ("I have two kids", Category.FACTUAL),
        ("I moved to Berlin in April 2023", Category.FACTUAL),
        ("I no longer eat meat", Category.FACTUAL),
        ("I've been vegetarian since 2015", Category.FACTUAL),
        ("My budget is $5,000", Category.FACTUAL),
        ("My goal is to run a marathon", Category.FACTUAL),
        ("I prefer dark mode over light mode", Category.PREFERENCE),
        ("I don't like cilantro", Category.PREFERENCE),
        ("I can't stand loud music", Category.PREFERENCE),
        ("I'd rather walk", Category.PREFERENCE),
        ("I usually drink tea", Category.BEHAVIORAL),
        ("I swim every morning", Category.BEHAVIORAL),
        ("I usually run before breakfast", Category.BEHAVIORAL),
        ("I never work on Fridays", Category.BEHAVIORAL),
        ("When I'm stressed I bake", Category.BEHAVIORAL),
        ("My favourite composer is Satie", Category.PREFERENCE),
        ("I saw a whale", Category.EPISODIC),
        ("In the week of 26 June 2023 I went to a parade", Category.EPISODIC),
        ("My car broke down in June 2023", Category.EPISODIC),
        ("Talking to them made me want to help", Category.EPISODIC),
        ("I was so lucky", Category.EPISODIC),
        ("I've been learning Rust", Category.EPISODIC),
        ("I'm planning a trip to Japan", Category.EPISODIC),
        ("We deploy on Fridays with `make ship`", Category.PROCEDURAL),
        ("To reset the cache run `flush` on the staging box", Category.PROCEDURAL),
    ],
)
def test_a_pattern_says_which_category_a_statement_has(clause: str, category: Category) -> None:
    assert kind_of(clause).category == category


@pytest.mark.parametrize(
    "clause", ["It is important to stay calm", "Thank you for the help", "I'm trying to understand vectors"]
)
def test_what_says_nothing_lasting_about_the_user_is_a_mere_remark(clause: str) -> None:
    assert kind_of(clause) is REMARK


@pytest.mark.parametrize(
    "clause",
    [
        "I'm so glad you found it",
        "I love how patient you are",
        "I hope your evening goes well",
        "I will keep you posted",
        "I've got your back",
        "I believe in you",
        "Your kindness means a lot to me",
        "I missed you",
        "I'm impressed by your patience",
        "I won't let you down",
    ],
)
def test_what_is_felt_for_the_assistant_is_about_the_talk(clause: str) -> None:
    assert kind_of(clause) is REMARK


@pytest.mark.parametrize(
    "clause",
    [
        "I like your short answers",
        "I love it when you explain with examples",
        "I tried the recipe you gave me and added walnuts",
        "I know that my flight leaves at nine and you can check it",
        "I love hiking and you know why",
        "I moved to Lisbon as you suggested",
    ],
)
def test_what_the_user_did_or_wants_of_answers_is_not(clause: str) -> None:
    assert kind_of(clause) is not REMARK


def test_what_names_nobody_is_about_others() -> None:
    assert kind_of("The build takes twenty minutes") is ABOUT_OTHERS


def test_the_nearest_prototype_decides_where_no_pattern_does() -> None:
    content = "The backup of the user is restored with one command."

    assert kind_of("The backup of mine is restored") is STATEMENT
    assert category_of(STATEMENT, content, bag_of_words) == Category.PROCEDURAL


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("The user's dog is called Biscuit.", "pets"),
        ("The user works at Acme as a nurse.", "work"),
        ("The user's wife is a dentist.", "family"),
        ("The user is allergic to penicillin.", "health"),
        ("The user's team deploys the backend.", "technology"),
        ("The user wants the assistant to answer in German.", "communication"),
    ],
)
def test_words_name_the_topics(content: str, first: str) -> None:
    labels = labels_of(content, bag_of_words)

    assert labels[0].name == first
    assert 1 <= len(labels) <= MAX_LABELS
    assert all(0 <= label.confidence <= 1 for label in labels)


def test_a_memory_about_nothing_known_is_labelled_general() -> None:
    def unlike_each_other(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([np.eye(384, dtype=np.float32)[zlib.crc32(text.encode()) % 384] for text in texts])

    assert [label.name for label in labels_of("Xyzzy plugh.", unlike_each_other)] == ["general"]


@pytest.mark.parametrize(
    ("clause", "subject", "attribute"),
    [
        ("I joined Acme as a baker", "user", "job"),
        ("I recently joined a small firm", "user", "job"),
        ("I joined a gym", "user", ""),
        ("On 16 July 2023 I joined a mentorship program", "user", ""),
        ("My dog is called Biscuit", "user", "dog.name"),
        ("My wife's name is Marie", "user", "wife.name"),
        ("I work at Acme", "user", "job"),
        ("I no longer work at Acme", "user", "job"),
        ("I don't live in Berlin", "user", "location"),
        ("I moved to Berlin in April 2023", "user", "location"),
        ("I'm allergic to peanuts", "user", "allergy"),
        ("I prefer dark mode over light mode", "user", "taste.dark_mode"),
        ("My favorite color is teal", "user", "favorite_color"),
        ("I'm Kim", "user", "name"),
        ("I saw a whale", "user", ""),
        ("The build is slow", "", ""),
    ],
)
def test_subject_and_attribute_are_what_a_later_claim_can_contradict(clause: str, subject: str, attribute: str) -> None:
    assert subject_and_attribute(clause) == (subject, attribute)
