"""Names, where an organization does not want them kept."""

from __future__ import annotations

import pytest

from agents.privacy import PiiAction, PiiKind
from memories.refinement.pii import PiiPolicy, redact

NAMELESS = PiiPolicy(actions={PiiKind.NAME: PiiAction.REDACT})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The user's name is Petra Novak.", "The user's name is [NAME]."),
        ("Her wife Zorabel likes jazz.", "Her wife [NAME] likes jazz."),
        ("His manager, Tomas de la Cruz, left.", "His manager, [NAME], left."),
        ("Dr. Keller changed the dose; Mrs Öztürk agreed.", "Dr. [NAME] changed the dose; Mrs [NAME] agreed."),
        ("The user is named Xanthe Quill.", "The user is named [NAME]."),
        ("Call me Sascha.", "Call me [NAME]."),
        ("Ask Anna, Jean-Luc or Bob M. Smith.", "Ask [NAME], [NAME] or [NAME]."),
        ("Peter's car is red.", "[NAME]'s car is red."),
        ("Write to Maria at maria@example.org.", "Write to [NAME] at [EMAIL]."),
    ],
)
def test_people_are_replaced_where_the_policy_says_so(text: str, kept: str) -> None:
    assert redact(text, NAMELESS).text == kept
    assert redact(kept, NAMELESS).text == kept


@pytest.mark.parametrize(
    "text",
    [
        "The user moved from Vienna to Lisbon in March.",
        "The team uses Python, Django and PostgreSQL.",
        "On Monday the user meets a colleague from Berlin.",
        "The project is called Lighthouse.",
        "The user prefers tabs.",
    ],
)
def test_what_is_no_persons_name_stays(text: str) -> None:
    assert redact(text, NAMELESS).text == text


def test_names_stay_unless_the_policy_says_otherwise() -> None:
    text = "The user's wife Anna Keller is a nurse."
    assert redact(text) == redact(text, PiiPolicy())
    assert redact(text).text == text
    assert redact(text).findings == ()


def test_names_may_wait_for_a_human() -> None:
    held = redact("His son Tim is five.", PiiPolicy(actions={PiiKind.NAME: PiiAction.QUARANTINE}))
    assert held.quarantine
    assert held.text == "His son Tim is five."


@pytest.mark.parametrize("unit", ["Anna ", "Mr. ", "A. ", "wife ", "Aa-", "my name is ", "de la "])
def test_a_text_of_nothing_but_openings_is_scanned_to_its_end(unit: str) -> None:
    text = (unit * 50_000)[:50_000]
    assert redact(text + " tail@example.org", NAMELESS).text.endswith("[EMAIL]")
