from __future__ import annotations

import pytest

from memories.extraction.instructions import is_request, standing_instruction
from memories.extraction.persons import narrator


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("Please always answer in German.", "The user wants the assistant to always answer in German."),
        ("never use bullet points", "The user wants the assistant to never use bullet points."),
        ("please use metric units from now on", "The user wants the assistant to use metric units from now on."),
        ("From now on, answer in bullet points.", "The user wants the assistant to answer in bullet points."),
        ("Keep your answers short.", "The user wants the assistant to keep its answers short."),
        ("Reply in French please", "The user wants the assistant to reply in French."),
        ("Don't use emojis", "The user wants the assistant not to use emojis."),
        (
            "Let me know whenever a test fails",
            "The user wants the assistant to let the user know whenever a test fails.",
        ),
        ("Stop apologizing.", "The user wants the assistant to stop apologizing."),
        ("I prefer that you don't use emojis.", "The user wants the assistant not to use emojis."),
        ("I'd like you to always use metric units.", "The user wants the assistant to always use metric units."),
        ("Can you always add type hints?", "The user wants the assistant to always add type hints."),
        (
            "When I ask for code, give me Python.",
            "The user wants the assistant to give the user Python when the user asks for code.",
        ),
        ("Call me Kim", "The user wants to be called Kim."),
        ("I want you to call me Captain.", "The user wants to be called Captain."),
    ],
)
def test_an_order_that_lasts_is_told_as_what_the_user_wants(said: str, wish: str) -> None:
    assert standing_instruction(said, narrator("")) == wish


def test_the_speakers_name_is_used_where_it_is_known() -> None:
    assert standing_instruction("Be brief.", narrator("Ann")) == "Ann wants the assistant to be brief."


@pytest.mark.parametrize(
    "said",
    [
        "Write me a poem about my cat",
        "Please summarise this document",
        "Can you help me?",
        "Call me back later",
        "Use this table for the answer",
        "What is the capital of France?",
        "I always answer in German",
        "do I need to update it again in the future",
        "never give up",
        "You can always count on me",
        "Always here to help",
        "Never been on a sports team",
        "Thanks for always being there for me",
        "Love having you in my corner, always",
        "Let me know if you need any help",
        "Whenever you need help, just let me know",
        "Don't let anything stop you",
        "Always stay true to your values",
    ],
)
def test_a_request_for_one_answer_is_no_standing_instruction(said: str) -> None:
    assert standing_instruction(said, narrator("")) is None


@pytest.mark.parametrize(
    "said", ["Write me a poem", "Please book a table", "Can you check my code", "Let's start", "Help me"]
)
def test_a_request_is_recognised(said: str) -> None:
    assert is_request(said)


@pytest.mark.parametrize("said", ["I write poems", "My book is red", "We check every build"])
def test_a_statement_is_no_request(said: str) -> None:
    assert not is_request(said)
