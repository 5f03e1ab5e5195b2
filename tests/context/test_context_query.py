from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.query import QUERY_TOKENS, build_query, leans_on_context
from tests.context.twins import assistant, user

EARLIER = [user("Which hotel did I stay at in Lisbon?"), assistant("You stayed twice. The second was the Bairro Alto.")]


@pytest.mark.parametrize(
    "asked", ["Where do I live?", "What's my dog's name?", "Plan a week of vegetarian dinners for Anna."]
)
def test_a_question_that_stands_alone_is_searched_alone(asked: str) -> None:
    assert build_query([*EARLIER, user(asked)]) == asked


@pytest.mark.parametrize(
    "asked", ["And for the other one?", "Yes please", "How old is she?", "What about breakfast?", "Why?"]
)
def test_a_follow_up_brings_the_turn_it_leans_on(asked: str) -> None:
    query = build_query([*EARLIER, user(asked)])
    assert query.endswith(asked)
    assert "hotel" in query
    assert "Bairro Alto" in query


def test_the_last_message_of_the_user_counts_and_not_what_tools_said_since() -> None:
    messages = [
        user("Find my booking"),
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "x"},
    ]
    assert build_query(messages) == "Find my booking"


def test_only_the_text_of_multimodal_content_is_searched() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    assert build_query([user([{"type": "text", "text": "Whose dog is this?"}, picture])]) == "Whose dog is this?"
    assert build_query([user([picture])]) == ""


def test_of_a_long_message_the_end_that_asks_is_kept() -> None:
    document = "Lorem ipsum dolor sit amet consectetur. " * 500
    assert build_query([user(f"{document}\nWho signed my contract?")]).endswith("Who signed my contract?")
    assert build_query([user(f"Who signed my contract?\n{document}")]).startswith("Who signed my contract?")


def test_without_a_user_the_last_message_is_searched() -> None:
    assert build_query([{"role": "system", "content": "Write about Lisbon."}]) == "Write about Lisbon."
    assert build_query([]) == ""


def test_a_long_message_never_leans() -> None:
    assert not leans_on_context("and " + "then we talked about the boat " * 20)


@given(st.text(max_size=3_000), st.text(max_size=300))
def test_a_query_is_bounded_whatever_was_said(said: str, before: str) -> None:
    query = build_query([user(before), assistant(before), user(said)])
    assert len(query.split()) <= QUERY_TOKENS + 2
    assert len(query) <= (QUERY_TOKENS + 2) * 8
