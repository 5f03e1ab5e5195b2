"""Whether a user corrects the answer before."""

from __future__ import annotations

import pytest

from context.corrections import READ_CHARACTERS, Correction, correction_of

ASKED = ["What is my dog called?"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("No, I meant my cat.", Correction.MEANT),
        ("That's not what I asked for.", Correction.MEANT),
        ("I said by date, not by name.", Correction.MEANT),
        ("I already told you: Rex.", Correction.TOLD),
        ("As I said, it's Rex.", Correction.TOLD),
        ("That's wrong.", Correction.WRONG),
        ("That isn\u2019t right, it is Rex.", Correction.WRONG),
        ("No, that's the cat.", Correction.WRONG),
        ("You misunderstood me.", Correction.WRONG),
        ("Still the same error.", Correction.WRONG),
        ("So what is my dog called??", Correction.AGAIN),
    ],
)
def test_what_corrects(said: str, kind: Correction) -> None:
    assert correction_of(said, ASKED) is kind


@pytest.mark.parametrize(
    "said",
    [
        "Thanks! And my cat?",
        "No, thank you.",
        "No worries.",
        "What could go wrong?",
        "Is 'he go home' incorrect?",
        "I mean to travel in May.",
        "Send it on Monday, not today.",
        "What is my cat called?",
        "ok",
        "",
    ],
)
def test_what_does_not(said: str) -> None:
    assert correction_of(said, ASKED) is None


def test_a_first_message_corrects_nothing() -> None:
    assert correction_of("That's wrong.", []) is None


def test_a_question_is_looked_for_among_the_last_messages_only() -> None:
    others = ["Tell me about Graz.", "And about Linz.", "And about Wels."]
    assert correction_of(ASKED[0], [others[0], *ASKED]) is Correction.AGAIN
    assert correction_of(ASKED[0], [*others, *ASKED]) is None


def test_short_messages_that_come_again_say_nothing() -> None:
    assert correction_of("more", ["more"]) is None


def test_only_the_beginning_of_a_message_is_read() -> None:
    assert correction_of("x" * READ_CHARACTERS + " I already told you", ASKED) is None


def test_long_messages_take_no_time() -> None:
    assert correction_of("no, " * 100_000, ["i said " * 100_000]) is not None
