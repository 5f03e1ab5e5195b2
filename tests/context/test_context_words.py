from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import words
from context.words import content_words, shared_words, words_of


def test_the_same_words_are_worth_one_and_strangers_nothing() -> None:
    texts = ["The user has a dog called Rex.", "The user pays taxes in Portugal."]
    same, other = shared_words("I have a dog called Rex", texts)
    assert same == pytest.approx(1.0)
    assert other == 0.0


def test_words_of_a_question_and_of_a_memorys_frame_count_for_nothing() -> None:
    assert content_words("What is it that the user does?") == frozenset()
    assert shared_words("What do you know about me?", ["The user knows about you and me."]) == [0.0]


def test_endings_do_not_matter() -> None:
    assert content_words("dogs sleeping") == content_words("dog sleeps")
    assert content_words("cities loved") == content_words("city loves")
    assert content_words("running") == content_words("run")


@given(st.text())
def test_words_of_a_memory_are_those_of_its_text_each_once(content: str) -> None:
    assert sorted(words_of(content)) == sorted(content_words(content))


def test_a_rare_word_weighs_more_than_one_that_every_memory_has() -> None:
    texts = ["The project uses Python.", "The project uses Redis.", "The project has a deadline.", "Anna has Redis."]
    shares = shared_words("Which project needs Redis?", texts)
    assert shares[1] == max(shares)
    assert shares[3] > shares[2]


def test_scripts_without_spaces_are_compared_too() -> None:
    near, far = shared_words("私の犬の名前は?", ["ユーザーの犬の名前はポチです", "ユーザーは東京に住んでいる"])
    assert near > far


@given(st.text(), st.lists(st.text(), max_size=5))
def test_shares_are_between_zero_and_one(query: str, texts: list[str]) -> None:
    assert all(0 <= share <= 1 + 1e-9 for share in shared_words(query, texts))


def test_numbers_stand_for_themselves_and_are_not_remembered() -> None:
    before = len(words._stems)
    assert content_words("number 7788") - content_words("number") == {"7788"}
    assert content_words("number 55500199 55500100") - content_words("number") == {"55500199", "55500100"}
    assert len(words._stems) <= before + 1
